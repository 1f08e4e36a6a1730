"""Examines the admin API against its own description."""
