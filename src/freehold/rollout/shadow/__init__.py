"""Copies of a route's calls, sent to a model on trial after the client was answered, and what came of them."""
