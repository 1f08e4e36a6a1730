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
    coarse: float
    """How far numbers may be from what they were, as a share of their root mean square: several times what the type
    does to numbers of a bell curve. Beyond that somebody did something else to them.
    """


F32 = Type("F32", 0, 1, 4, 0.01)
F16 = Type("F16", 1, 1, 2, 0.01)
Q4_0 = Type("Q4_0", 2, 32, 18, 0.4)
Q4_1 = Type("Q4_1", 3, 32, 20, 0.4)
Q5_0 = Type("Q5_0", 6, 32, 22, 0.2)
Q5_1 = Type("Q5_1", 7, 32, 24, 0.2)
Q8_0 = Type("Q8_0", 8, 32, 34, 0.05)
Q2_K = Type("Q2_K", 10, 256, 84, 0.9)
Q3_K = Type("Q3_K", 11, 256, 110, 0.6)
Q4_K = Type("Q4_K", 12, 256, 144, 0.4)
Q5_K = Type("Q5_K", 13, 256, 176, 0.2)
Q6_K = Type("Q6_K", 14, 256, 210, 0.1)
IQ4_NL = Type("IQ4_NL", 20, 32, 18, 0.4)

TYPES = {
    one.number: one for one in (F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL)
}
"""By number."""
