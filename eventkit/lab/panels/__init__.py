"""The common parts of panels and figures."""
