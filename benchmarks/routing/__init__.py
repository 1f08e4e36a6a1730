"""Holds learned routing to published routers, and its certificates to what they promise."""
