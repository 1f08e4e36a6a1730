"""The types in which GGUF keeps numbers, as far as they are written here."""

from __future__ import annotations

import msgspec


class Type(msgspec.Struct, frozen=True):
    """One type."""

    name: str
    number: int
    """By which files and llama.cpp know it."""
    block: int
    """Numbers that are kept together."""
    size: int
    """Bytes of such a block."""


F32 = Type("F32", 0, 1, 4)
F16 = Type("F16", 1, 1, 2)
Q4_0 = Type("Q4_0", 2, 32, 18)
Q4_1 = Type("Q4_1", 3, 32, 20)
Q5_0 = Type("Q5_0", 6, 32, 22)
Q5_1 = Type("Q5_1", 7, 32, 24)
Q8_0 = Type("Q8_0", 8, 32, 34)
Q2_K = Type("Q2_K", 10, 256, 84)
Q3_K = Type("Q3_K", 11, 256, 110)
Q4_K = Type("Q4_K", 12, 256, 144)
Q5_K = Type("Q5_K", 13, 256, 176)
Q6_K = Type("Q6_K", 14, 256, 210)
IQ4_NL = Type("IQ4_NL", 20, 32, 18)
