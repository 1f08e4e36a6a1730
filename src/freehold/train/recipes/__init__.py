"""How models are made: one readable file for each way."""
