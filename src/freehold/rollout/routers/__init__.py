"""Routers of a route: made of its own evidence, kept as files, and watched while they decide."""
