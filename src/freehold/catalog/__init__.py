"""Models, what they can do, and what they cost."""
