"""What the base's licence and the terms of the data leave of a model's licence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from freehold.catalog.terms.finding import Known, terms_of


class Left(msgspec.Struct, frozen=True):
    """What is left."""

    licence: str | None
    """The base's, where no data says otherwise; None: not known, or bound to conditions besides."""
    notes: tuple[str, ...]
    """What has to be kept to, and by whose word, one sentence each."""


def licence_left(base: str | None, makers: Mapping[str, int], on: date, known: Known) -> Left:
    """Of a model whose base has the licence `base`, trained on so many answers of each maker."""
    notes = []
    free = True
    for maker in sorted(makers):
        terms = terms_of(maker, on, known=known)
        if terms.verdict == "allowed":
            continue
        free = False
        said = terms.condition or terms.summary
        source = f" ({terms.source})" if terms.source else ""
        notes.append(
            f"{makers[maker]:,} answers are by `{maker}`, {terms.verdict} by {terms.holder}: {said}{source}"
        )
    return Left(base if free else None, tuple(notes))
