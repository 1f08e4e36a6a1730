"""What makes the process ready to answer quickly."""

from __future__ import annotations

import gc
import sys

from freehold.wire.dialects import NAMES, dialect_of

_SWITCH_SECONDS = 0.001
"""What an answer may have to wait for the ledger's thread, instead of five milliseconds."""


def favour_answers() -> None:
    """Let the ledger's thread and the garbage collector get in the way of answers as little as they can."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # modules and settings live as long as the process: looking through them again finds nothing
    gc.set_threshold(10_000, 20, 50)


def load_dialects() -> None:
    """Load what translates, so that the first call in need of it does not wait for that."""
    for name in NAMES:
        dialect_of(name)
