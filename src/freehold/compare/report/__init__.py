"""A comparison as a report: a value for programs, and one HTML file for people that needs no network."""
