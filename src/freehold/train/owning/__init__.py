"""One loop from a route's calls to a model of one's own that answers it: steps, their commands, and gates."""
