"""The planner beside what was published and what is measured here."""
