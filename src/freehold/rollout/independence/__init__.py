"""How much of the traffic would go on if a provider vanished: the score, what it rests on, and what would raise it."""
