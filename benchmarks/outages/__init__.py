"""What happens to clients, limits and the ledger when PostgreSQL or Valkey fails: `python -m benchmarks.outages`."""
