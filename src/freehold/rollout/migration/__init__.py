"""What moving a route from one provider to a model of another would break, cost and take."""
