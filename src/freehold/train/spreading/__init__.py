"""One training in several processes, on one machine or on many: each computes a part of every step."""
