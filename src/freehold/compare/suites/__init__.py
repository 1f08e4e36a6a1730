"""Where suites come from, and where they are kept."""
