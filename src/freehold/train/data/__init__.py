"""What models are trained on, and where each line of it comes from."""
