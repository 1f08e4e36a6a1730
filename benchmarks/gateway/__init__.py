"""What one process of Freehold costs on one core, beside its peers: `make bench-gateway`."""
