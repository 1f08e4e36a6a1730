"""Scorers that ask no model: each looks at one answer and says how right it is."""
