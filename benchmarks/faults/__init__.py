"""A sick provider beside a healthy one, and what a client behind a gateway notices of it: `make bench-faults`."""
