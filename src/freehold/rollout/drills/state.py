"""What a provider keeps for us that would go with it, and what is kept here and would not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from freehold.core.parts import Media
from freehold.ledger.filters import Filter
from freehold.rollout.drills.sample import BACKGROUND, GOES_ON, HOSTED, Replayable, Sample
from freehold.routing.routes import Target

if TYPE_CHECKING:
    from freehold.ledger.reading import LedgerReader

Where = Literal["lost", "kept here"]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of state."""

    kind: str
    where: Where
    count: int | None
    """None: nobody counted it, which is not none."""
    of: int | None = None
    """How many were looked at; None: all there are."""
    means: str
    """What that means on the day, in a sentence."""


class OwnState(msgspec.Struct, frozen=True):
    """What is in this installation's own databases and folders."""

    files: int = 0
    batches: int = 0
    """Unfinished ones."""
    background: int = 0
    """Responses that are not finished."""


def state_of(
    history: LedgerReader,
    lost: Iterable[str],
    samples: Sequence[Sample],
    models: Sequence[Target],
    own: OwnState,
    *,
    since_us: int,
) -> list[Held]:
    """Counted from the ledger, the sample and the databases. Waits. Raises StoreError."""
    gone = frozenset(lost)
    theirs = [call for sample in samples for call in sample.calls if call.model.partition("/")[0] in gone]
    left_out = {
        why: sum(sample.left_out.get(why, 0) for sample in samples) for why in (HOSTED, BACKGROUND, GOES_ON)
    }
    looked_at = sum(len(sample.calls) + sum(sample.left_out.values()) for sample in samples)
    tuned = sorted({one.name for one in models if one.provider in gone and is_tuned(one.model)})
    return [
        Held(
            kind="reasoning items",
            where="lost",
            count=sum(call.holds_state for call in theirs),
            of=len(theirs),
            means="Requests that carry reasoning only their maker can read: others answer them without it.",
        ),
        Held(
            kind="files at the provider",
            where="lost",
            count=sum(map(_names_a_file, theirs)),
            of=len(theirs),
            means="Requests that name a file which the provider keeps: others are asked without it.",
        ),
        Held(
            kind="tools that the provider runs",
            where="lost",
            count=left_out[HOSTED],
            of=looked_at,
            means="Calls with hosted tools or MCP servers: nobody else runs them. They were not repeated.",
        ),
        Held(
            kind="prompt caches",
            where="lost",
            count=_cached_tokens(history, gone, since_us),
            means="Tokens read from the provider's cache in this time: the next one reads them at its full price.",
        ),
        Held(
            kind="fine-tunes",
            where="lost",
            count=len(tuned),
            means=f"Models that exist there alone: {', '.join(f'`{one}`' for one in tuned)}."
            if tuned
            else "No model of the configuration is a fine-tune.",
        ),
        Held(
            kind="stored responses",
            where="kept here",
            count=left_out[GOES_ON],
            of=looked_at,
            means="Calls that go on from an earlier answer: it is in the ledger, so that any model goes on.",
        ),
        Held(
            kind="files",
            where="kept here",
            count=own.files,
            means="Files of `/v1/files` are in the data folder.",
        ),
        Held(
            kind="batches",
            where="kept here",
            count=own.batches,
            means="Unfinished batches are asked from here, line by line: what is left goes to the next model.",
        ),
        Held(
            kind="responses in the background",
            where="kept here",
            count=own.background,
            means="Those not finished fail over like calls; the provider keeps nothing of them.",
        ),
    ]


def is_tuned(model: str) -> bool:
    """Whether a model's name says that somebody trained it on their own data."""
    return (
        model.startswith(("ft:", "ft-", "tunedModels/"))
        or ":ft-" in model
        or "/custom-model" in model
        or ":custom-model" in model
    )


def _names_a_file(call: Replayable) -> bool:
    return any(
        isinstance(part, Media) and part.file_id is not None
        for message in call.asked.messages
        for part in message.parts
    )


def _cached_tokens(history: LedgerReader, gone: frozenset[str], since_us: int) -> int | None:
    """None: no provider of these ever told."""
    if not history.exists:
        return None
    told = [
        found.cache_read_tokens
        for provider in sorted(gone)
        for found in history.sums((), Filter(provider=provider, since_us=since_us))
        if found.cache_read_tokens is not None
    ]
    return sum(told) if told else None
