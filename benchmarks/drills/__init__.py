"""Every way of losing a provider against every policy of a route, under load: `make bench-drills`."""
