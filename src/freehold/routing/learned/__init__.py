"""Routing that is learned from a route's own labels, and certified. No route without a router imports it."""
