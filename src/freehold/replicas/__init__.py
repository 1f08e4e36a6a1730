"""What the replicas of an installation tell each other: who there is, with which configuration, and who is sick."""
