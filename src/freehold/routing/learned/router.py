"""A router: what was learned for a route, how far it may go, and the certificate that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

if TYPE_CHECKING:
    from freehold.routing.learned.model import Model

MAX_MODELS = 32
"""Candidates of a router."""

Text = Annotated[str, msgspec.Meta(max_length=1_000)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Alternative(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What could be had without a router, certified with the same labels to the same risk."""

    model: Text
    share: Share
    """Of the calls that it gets, by lot."""
    saving: Share


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is promised of a router, and by which labels."""

    risk: Share
    """The share of all answers that may be worse than the incumbent's."""
    confidence: Share
    tolerance: Share
    """By how much an answer's score may be below the incumbent's without being worse."""
    trained: Count
    """Labels that the model was made of."""
    certified: Count
    """Labels that nothing was made of, and that this rests on."""
    worse: Count
    """How many of them are answered worse; by lot: would be, if the model got all of them."""
    share: Share
    """Of the calls that cheaper models get."""
    saving: Share
    """Of what the incumbent alone would cost."""
    best_single: Alternative | None
    """The cheapest model that may have all calls; None: none may."""
    best_drawn: Alternative | None
    """The best point on the hull of single models: a model and the incumbent, by lot."""


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How predictions were spread over the labels, to know the route's calls by when they change."""

    edges: Annotated[tuple[float, ...], msgspec.Meta(max_length=64)]
    """Between the bins, ascending."""
    counts: Annotated[tuple[Count, ...], msgspec.Meta(max_length=65)]

    def bin_of(self, predicted: float) -> int:
        """Where a prediction falls."""
        return sum(predicted > edge for edge in self.edges)


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a router but what it learned."""

    route: Text
    incumbent: Text
    """`provider/model`."""
    models: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=MAX_MODELS)]
    """The candidates, cheapest first."""
    chosen: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=MAX_MODELS)]
    """Those of them that it may choose, cheapest first."""
    threshold: float | None
    """The chance of a worse answer up to which a model is good enough; None: who gets a call is drawn by lot."""
    certificate: Certificate
    seen: Seen
    source: Text
    """Where the labels are from, for people."""
    made_us: Count
    """Microseconds since 1970, UTC."""


class Router(NamedTuple):
    """See the module."""

    about: About
    model: Model
    hash: str
    """64 hexadecimal digits: SHA-256 of its file."""
