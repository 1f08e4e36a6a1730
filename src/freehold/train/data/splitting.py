"""Which conversations are learned from, and which stay aside."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from freehold.train.data.row import Split

By = Literal["conversation", "question"]
"""
conversation  what begins with the same words of the same application is one
question      what is asked last is one: for applications that put the same examples before each question
"""

_NUMBER = re.compile(r"<([A-Z]+)_\d+>")
_DIGITS = 16


def split_of(group: str, held_out: float) -> Split:
    """Where a group goes: always to the same side, whatever else is in the dataset. What is held out stays so where
    more is.
    """
    place = int.from_bytes(hashlib.sha256(f"split\0{group}".encode(errors="replace")).digest()[:8])
    return "held-out" if place < held_out * 2**64 else "train"


def group_called(instructions: str, words: str) -> str:
    """The group of lines that begin so. Of what was masked the numbers do not count: they go by the order in which a
    line says things.
    """
    told = _NUMBER.sub(r"<\1>", f"{instructions}\0{words}")
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:_DIGITS]
