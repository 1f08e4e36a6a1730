"""Synthetic data: seeds become questions, a teacher answers them, and what passes a check becomes a dataset."""
