"""Limits that cannot be overrun: the worst case of a call is set aside before it, and then what it was is charged."""
