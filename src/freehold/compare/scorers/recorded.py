"""The score that an answer came with, where it was recorded elsewhere."""

from __future__ import annotations

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.kind import Kind, Look, NoTarget
from freehold.compare.scoring import Scored


class RecordedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to set."""


def _look(target: NoTarget, answer: Answer) -> Scored:
    if answer.score is None:
        return Scored(None, "no score came with this answer")
    return Scored(answer.score, "as it was handed in")


def _make(settings: RecordedSettings) -> Look[NoTarget]:
    return _look


RECORDED: Kind[RecordedSettings, NoTarget] = Kind(
    name="recorded",
    version=1,
    settings=RecordedSettings,
    target=NoTarget,
    targetless=lambda _: True,
    make=_make,
)
