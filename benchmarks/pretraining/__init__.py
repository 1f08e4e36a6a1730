"""From scratch: how fast, and whether the loss falls as it should."""
