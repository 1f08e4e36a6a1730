"""What can go wrong with an answer, each as a value. How it is done to the bytes is in `mischief`.

Where a fault has `after`, it counts chunks of a stream, the opening one included: None is before
the headers, 0 just after them, 3 after the third chunk. A whole answer has no chunks: there any
number above 0 means the middle of the body.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.providers.simulated.dice import Spread

Chance = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]


class Fault(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """Happens to a call with probability `chance`, drawn from the script's seed."""

    chance: Chance = 1.0


class Refused(Fault, frozen=True, tag="error", kw_only=True):
    """An error answer in the form of the dialect."""

    status: Annotated[int, Meta(ge=400, le=599)] = 500
    message: str | None = None
    """None: a message that fits the status. The same for `type` and `code`."""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    """Value of the `retry-after` header; in Gemini's form it is the delay of a `RetryInfo`."""
    headers: dict[str, str] = {}
    """Sent as well: `x-ratelimit-remaining-requests` and its like."""
    body: str | None = None
    """Sent instead of the dialect's form, as it is."""
    after_s: Spread = 0.0
    """Seconds until it comes."""


class Hang(Fault, frozen=True, tag="hang", kw_only=True):
    """Falls silent and keeps the connection."""

    after: Count | None = None
    for_s: Spread | None = None
    """Then goes on; None: never."""


class Cut(Fault, frozen=True, tag="cut", kw_only=True):
    """Ends the answer too early."""

    after: Count | None = 0
    how: Literal["end", "close", "reset", "half_close"] = "close"
    """
    end         the HTTP message is ended properly, the dialect's own end is missing
    close       FIN in the middle of the HTTP message
    reset       RST
    half_close  FIN for our direction only; what the client sends is still read
    """
    inside: bool = False
    """Half of the next chunk is sent first."""


class Malformed(Fault, frozen=True, tag="malformed", kw_only=True):
    """One event, or the whole body, is not JSON, or fails its checksum; the rest is as it should be."""

    after: Count = 0


class ErrorEvent(Fault, frozen=True, tag="error_event", kw_only=True):
    """An error inside a stream that had begun well; for a whole answer, an error as the body of a 200."""

    after: Count = 1
    message: str = "The server had an error while processing your request."
    type: str | None = None
    """None: the dialect's word for an error of the server."""
    code: str | None = None


class Empty(Fault, frozen=True, tag="empty", kw_only=True):
    """Status 200, the right content type and no body."""


class Page(Fault, frozen=True, tag="html", kw_only=True):
    """A web page instead of an answer, as load balancers and captive portals send it."""

    status: Annotated[int, Meta(ge=200, le=599)] = 200
    text: str = "<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"


class ContentType(Fault, frozen=True, tag="content_type", kw_only=True):
    """The answer is right, its content type is not."""

    value: str = "text/plain; charset=utf-8"


class Drip(Fault, frozen=True, tag="drip", kw_only=True):
    """Sends a few bytes at a time."""

    every_s: Spread = 0.01
    """Seconds between two pieces."""
    bytes: Annotated[int, Meta(ge=1)] = 1
    part: Literal["head", "body", "all"] = "all"


class Endless(Fault, frozen=True, tag="endless", kw_only=True):
    """The text never ends, whatever limit the request sets."""


class Huge(Fault, frozen=True, tag="huge", kw_only=True):
    """The text is this many bytes; in a stream all of it is in one event."""

    bytes: Annotated[int, Meta(ge=1)] = 100_000_000


class Garbage(Fault, frozen=True, tag="garbage", kw_only=True):
    """Bytes without meaning: for the status line (None) or inside the body. Then it closes."""

    after: Count | None = None
    bytes: Annotated[int, Meta(ge=1)] = 64


class WrongLength(Fault, frozen=True, tag="wrong_length", kw_only=True):
    """`content-length` is off by so many bytes. Above 0 the promise is broken by closing; below 0 too much
    comes, and the connection stays open with the surplus on it."""

    by: int = 10


class Gzip(Fault, frozen=True, tag="gzip", kw_only=True):
    """Compressed although nobody asked for it."""


class Stale(Fault, frozen=True, tag="stale", kw_only=True):
    """A connection that has answered before is closed, without a byte, just as the next request arrives.
    On a fresh connection nothing happens."""


AnyFault = (
    Refused
    | Hang
    | Cut
    | Malformed
    | ErrorEvent
    | Empty
    | Page
    | ContentType
    | Drip
    | Endless
    | Huge
    | Garbage
    | WrongLength
    | Gzip
    | Stale
)


def kind_of(fault: Fault) -> str:
    """The word by which a script names this fault."""
    return str(fault.__struct_config__.tag)
