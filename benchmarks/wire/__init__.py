"""What translating a stream costs, chunk by chunk."""
