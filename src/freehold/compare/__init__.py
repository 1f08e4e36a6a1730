"""May one model replace another? Suites, scorers, judges, statistics, verdicts, reports."""
