"""What panels and figures are made of."""
