"""The rehearsed loss of a provider: faults, the calls they are tried on, and what their clients would have noticed."""
