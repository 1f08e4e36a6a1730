"""What happened: one record a call, kept by one batching writer behind a bounded queue."""
