"""Reads `freehold.toml`, the environment and the command line, once, into typed settings."""
