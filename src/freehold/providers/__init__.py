"""Clients of those who serve models: authenticated, pooled, with time limits."""
