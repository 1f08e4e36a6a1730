"""Whether conversations stay with the model that they must not be taken from, whatever happens to their route."""
