"""Models that run on this machine, each in a worker process of its own."""
