"""Recorded exchanges of real providers, carried over into every other dialect."""
