"""How fast local models are served, beside the library that serves them."""
