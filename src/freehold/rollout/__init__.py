"""Moving a route's traffic from one model to another, and rehearsing the loss of a provider."""
