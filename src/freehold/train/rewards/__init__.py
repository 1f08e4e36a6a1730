"""What an answer is worth to a model that learns from it: whether it is right, thought through in form, and short."""
