"""What limits cost, and whether they hold: `python -m benchmarks.limits`."""
