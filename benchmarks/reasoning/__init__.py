"""Is reasoning learned, and does the chain of thought help? See `docs/reasoning.md`."""
