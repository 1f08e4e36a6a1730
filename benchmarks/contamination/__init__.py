"""Whether cases of a suite are found in rows, and rows of the same kind left alone."""
