"""Which model answers: routes and the plan of attempts. Pure."""
