"""A streamed answer in the internal form: events, each of which says one thing.

    Begin, then for each part PartBegin, any number of Grow, Sign, Cite, then PartEnd; LogProbs anywhere;
    StopSeen for each choice; UsageSeen, at any time and more than once (the last one counts); End, or Failed.

Parts are numbered from 0 within their choice, in the order in which they begin. Parts of one choice may be open
at the same time (OpenAI's parallel tool calls, by `index`); an encoder whose dialect knows no such thing gathers
the later ones until the earlier are closed. Nothing is ever said about a part after its PartEnd.
"""

from __future__ import annotations

import msgspec

from freehold.core.answer import Stop
from freehold.core.fields import Fields
from freehold.core.parts import Citation, Part, State
from freehold.core.usage import Usage


class Begin(msgspec.Struct, kw_only=True, gc=False):
    """The answer has begun. Comes once, first."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    service_tier: str | None = None
    fingerprint: str | None = None
    extra: Fields = {}
    dialect: str = ""
    """Which dialect it came in, and so whose fields the `extra` of all events are."""


class PartBegin(msgspec.Struct):
    """A part begins. `part` may hold something already: a call its id and name, a picture all of it."""

    choice: int
    index: int
    part: Part


class Grow(msgspec.Struct, gc=False):
    """More of a part: `text` is appended to a Text's, Refusal's or Reasoning's `text`, a ToolCall's `arguments`,
    or a Media's `data` (base64; `transcript` when `section` is 1).
    """

    choice: int
    index: int
    text: str
    section: int = -1
    """Of a Reasoning: the section of `summary` that grows, from 0; -1 is `text`."""


class Sign(msgspec.Struct, gc=False):
    """The part's `state`. A further one of the same part replaces it."""

    choice: int
    index: int
    state: State


class Cite(msgspec.Struct):
    """One more citation of a Text."""

    choice: int
    index: int
    citation: Citation


class PartEnd(msgspec.Struct, gc=False):
    """Nothing more will be said about the part."""

    choice: int
    index: int


class LogProbs(msgspec.Struct, gc=False):
    """Log-probabilities of the last words: `raw` is JSON in OpenAI's form, `{"content": […]}`."""

    choice: int
    raw: bytes


class StopSeen(msgspec.Struct, gc=False):
    """Why a choice stopped. Its parts are all ended."""

    choice: int
    stop: Stop
    extra: Fields = {}
    """What else is told at the end of a choice: `Choice.extra`."""


class UsageSeen(msgspec.Struct, gc=False):
    """What the call used so far; each one replaces the one before it."""

    usage: Usage
    raw: bytes | None
    """The provider's usage object, merged where the dialect spreads it over events."""


class ErrorSeen(msgspec.Struct, gc=False):
    """The provider ends the stream with an error. Nothing follows."""

    raw: bytes
    """The error object, JSON."""
    message: str
    kind: str | None = None
    """The provider's word for it."""
    status: int | None = None
    """The HTTP status it amounts to."""


class End(msgspec.Struct, gc=False):
    """The provider said that the stream is complete. Nothing follows."""


Event = Begin | PartBegin | Grow | Sign | Cite | PartEnd | LogProbs | StopSeen | UsageSeen | ErrorSeen | End
