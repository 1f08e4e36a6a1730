"""What a second worker brings: `python -m benchmarks.workers`."""
