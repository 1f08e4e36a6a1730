"""Which class of tasks each call of a sample is of, found as those of suites are."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from freehold.compare.suites.asked import Unfit, asked_in
from freehold.ledger.record import Call


def classes_in(calls: Sequence[Call], *, seed: int) -> dict[str, str]:
    """Call -> its class; empty where they do not fall into classes, or what finds them is not installed."""
    if find_spec("sklearn") is None:
        return {}
    from freehold.compare.suites.classes import classes_of  # noqa: PLC0415 - heavy, and an extra

    known = []
    for call in calls:
        try:
            known.append((call.id, asked_in(call, with_media=True)))
        except Unfit:
            continue
    found = classes_of([one.question for _, one in known], [one.instructions for _, one in known], seed=seed)
    if len(found.names) < 2:
        return {}
    return {call: found.names[label] for (call, _), label in zip(known, found.of, strict=True)}
