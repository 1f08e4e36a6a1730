"""Asking models from many machines: one driver, which draws, counts and holds the budget, and stations that ask."""
