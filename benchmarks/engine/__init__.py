"""What a call costs in the engine alone."""
