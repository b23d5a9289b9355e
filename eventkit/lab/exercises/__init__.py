"""One exercise for each lesson: the solution, its check, and the wrong answers that prove it."""
