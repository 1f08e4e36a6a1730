"""Files that a request names by URL, fetched by a client that cannot be turned against the host's own network."""
