"""How sure the pairs make us: numbers in, numbers out. Pure, NumPy only; method and figures in `docs/statistics.md`."""
