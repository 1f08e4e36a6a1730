"""Several processes on one socket: a supervisor, its workers, and what they tell each other."""
