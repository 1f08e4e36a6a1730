"""Who may call what: keys, kept only as keyed hashes."""
