"""Damaged input for everything that reads what comes from outside."""
