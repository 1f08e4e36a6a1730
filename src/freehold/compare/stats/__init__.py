"""Statistics: pure, and NumPy at the most."""
