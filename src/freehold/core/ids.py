"""Identifiers: a prefix that says what it is, then time-ordered, then random.

The body is 32 hexadecimal digits: 48 bits of milliseconds since 1970 and 80 random bits, the layout of
a ULID. Ids made later sort later, to the millisecond.
"""

from __future__ import annotations

import os
import random
import time

_random = random.Random()  # seeded by the system; ids name things, they do not protect them
_draw = _random.getrandbits
os.register_at_fork(after_in_child=_random.seed)  # or parent and child would draw the same


def new_id(prefix: str) -> str:
    """A fresh identifier such as `call_019acb…` (prefix, underscore, 32 digits)."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{_draw(80):020x}"
