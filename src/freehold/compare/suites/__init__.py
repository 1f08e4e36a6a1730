"""Suites: where cases come from, and where they are kept."""
