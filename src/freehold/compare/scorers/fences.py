"""What stands in the fences of an answer written in Markdown."""

from __future__ import annotations

import msgspec


class Fence(msgspec.Struct, frozen=True):
    """A block between two lines of backticks or tildes."""

    language: str
    """In small letters; empty: not told."""
    text: str


def fences_of(text: str) -> list[Fence]:
    """The fenced blocks of a text, in their order. A block that is not ended reaches to the end."""
    found: list[Fence] = []
    opened = ""
    language = ""
    lines: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        mark = bare[: len(bare) - len(bare.lstrip(bare[:1]))] if bare[:1] in ("`", "~") and bare else ""
        if opened:
            if len(mark) >= len(opened) and mark[0] == opened[0] and bare == mark:
                found.append(Fence(language, "\n".join(lines)))
                opened, lines = "", []
            else:
                lines.append(line)
        elif len(mark) >= 3 and "`" not in bare[len(mark) :]:
            opened = mark
            language = bare[len(mark) :].strip().split(" ")[0].lower()
    if opened:
        found.append(Fence(language, "\n".join(lines)))
    return found
