"""Identifiers: a prefix that says what it is, then time-ordered, then random.

The body is 26 characters of Crockford's base 32 (no I, L, O, U), lower case: 48 bits of
milliseconds since 1970 and 80 random bits, as in the ULID specification. Ids made later sort later.
"""

from __future__ import annotations

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def new_id(prefix: str) -> str:
    """A fresh identifier such as `call_01jd2m…` (prefix, underscore, 26 characters)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    pairs = _PAIRS
    return f"{prefix}_" + "".join([pairs[value >> shift & 1023] for shift in range(120, -1, -10)])
