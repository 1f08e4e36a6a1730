"""Whether a candidate does harm, and whether it may go on: numbers in, findings out."""
