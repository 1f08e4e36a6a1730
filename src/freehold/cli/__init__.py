"""The command line: one file per noun. Prints; no logic."""
