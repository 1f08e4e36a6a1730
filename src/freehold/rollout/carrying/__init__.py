"""What of real calls a model elsewhere could carry: the wire room is asked, and nothing is sent."""
