"""Policies at work on calls: which conversation a call belongs to, who answered it before, and who answers now."""
