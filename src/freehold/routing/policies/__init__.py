"""Policies: pure functions that choose one of a route's models for a call, and say why."""
