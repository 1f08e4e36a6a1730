"""Log-probabilities on their way to the texts that they are of."""

from __future__ import annotations

from collections import deque

import msgspec

from freehold.core.losses import Losses
from freehold.wire.responses.vocabulary import UNREADABLE


class _LogProbs(msgspec.Struct):
    content: list[msgspec.Raw] | None = None
    refusal: list[msgspec.Raw] | None = None


class _Entry(msgspec.Struct):
    token: str = ""


_decode = msgspec.json.Decoder(_LogProbs).decode
_decode_entry = msgspec.json.Decoder(_Entry).decode


class WaitingLogProbs:
    """Entries whose text is not known yet: they may come before it or after."""

    def __init__(self) -> None:
        self._entries: deque[tuple[msgspec.Raw, int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, raw: bytes, losses: Losses) -> None:
        """More entries, in the form in which a choice has them. Refusals have none in this dialect."""
        try:
            given = _decode(raw)
            entries = [(entry, len(_decode_entry(entry).token)) for entry in given.content or ()]
        except UNREADABLE:
            losses.add("logprobs")
            return
        if given.refusal:
            losses.add("logprobs")
        self._entries.extend(entries)

    def take(self, length: int) -> tuple[list[msgspec.Raw], int]:
        """The entries of the next `length` characters, and how many they cover."""
        taken: list[msgspec.Raw] = []
        covered = 0
        while self._entries and covered < length:
            entry, size = self._entries.popleft()
            taken.append(entry)
            covered += size
        return taken, covered
