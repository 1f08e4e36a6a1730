"""One call from start to end: route, provider, ledger. No HTTP server in it."""
