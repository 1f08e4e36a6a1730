"""Databases: how they are opened, brought up to date, and what their failures are called. Knows no domain."""
