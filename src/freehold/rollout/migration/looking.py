"""A sample of the calls of the provider that is left: each is looked at once, and few are in memory at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.totals import Sum
from freehold.rollout.carrying.carried import Carried, Recipient, carry_all
from freehold.rollout.carrying.sampled import LONGEST, Sample, calls_of, sample_of
from freehold.rollout.migration.classes import Questions
from freehold.rollout.migration.prompts import Prompts
from freehold.wire.dialect import DialectName
from freehold.wire.dialects import NAMES

NOTHING = Sample([], 0, 0, 0)


class Looked(msgspec.Struct, frozen=True):
    """What was found in it."""

    sample: Sample
    carried: list[Carried]
    prompts: Prompts
    classes: dict[str, str]
    """Call -> its class; empty: there are none."""

    def notes(self) -> list[str]:
        """What was not looked at."""
        sample, unread = self.sample, len(self.sample.numbers) - len(self.carried)
        said = (
            (sample.without_body, "on record without their requests"),
            (sample.too_long, f"with requests of more than {LONGEST // 1000} kB"),
            (unread, "of the sample whose requests cannot be read any more"),
        )
        return [f"Calls {words}, which were not looked at: {many:,}." for many, words in said if many]


def draw(
    history: LedgerReader, filters: Sequence[Filter], sums: Sequence[Sum], *, most: int, seed: int
) -> Sample:
    """Of each model's calls in proportion to how many there are. Waits. Raises StoreError."""
    total = sum(one.calls for one in sums)
    parts = [
        sample_of(history, one, most=max(1, round(most * of.calls / total)), seed=seed)
        for one, of in zip(filters, sums, strict=True)
    ]
    return Sample(
        sorted(number for part in parts for number in part.numbers),
        sum(part.kept for part in parts),
        sum(part.without_body for part in parts),
        sum(part.too_long for part in parts),
    )


def look(history: LedgerReader, sample: Sample, recipient: Recipient, *, seed: int) -> Looked:
    """Put each call to the recipient. Waits. Raises StoreError."""
    carried: list[Carried] = []
    prompts, questions = Prompts(), Questions()
    for some in calls_of(history, sample.numbers):
        carried += asyncio.run(carry_all(some, recipient))
        for call in some:
            prompts.look(call, speech_of(call.dialect, recipient))
            questions.look(call)
    return Looked(sample, carried, prompts, questions.classes(seed=seed) if carried else {})


def speech_of(dialect: str, recipient: Recipient) -> DialectName:
    """What the recipient would be spoken to in, for a client of this dialect."""
    own = next((one for one in NAMES if one == dialect), None)
    able = recipient.settings.dialects
    return own if own is not None and own in able else able[0]
