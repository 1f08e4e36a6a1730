"""Tasks of Inspect AI as suites: the public benchmarks, and whoever writes tasks of that kind."""
