r"""What stands in `\boxed{}`, as models that reason in LaTeX mark their answer."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


def last_box(text: str) -> str | None:
    """The content of the last complete box; None: there is none."""
    for begin in reversed([found.end() for found in _BOX.finditer(text)][-100:]):
        depth = 1
        for at in range(begin, min(len(text), begin + 10_000)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if not depth:
                return text[begin:at]
    return None
