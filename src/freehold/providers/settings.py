"""What is known about a provider before it is called."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.secret import Secret
from freehold.wire.dialect import STANDARD, DialectName, Framing, Hosting, Quirks


class Timeouts(msgspec.Struct, frozen=True, gc=False):
    """Time limits of an attempt, in seconds."""

    connect: float = 10.0
    """Until a connection stands."""
    first_token: float = 120.0
    """From the request's last byte to the first event of a stream, or to a whole answer's first byte."""
    silence: float = 60.0
    """Between two pieces of an answer."""
    drip: float | None = None
    """Between two events of a stream, on average: a slower one is cut off as a silent one is. Without it, streams may
    be as slow as they like, but `1.5s` holds where a route has a `deadline`, `continue_streams` and somebody else.
    """
    total: float = 600.0
    """For one attempt as a whole, from sending the request to the end of the answer."""


class Paths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paths of one dialect. `{model}` is where the model's name goes, if it goes there."""

    whole: str
    streamed: str = ""
    """Empty: the same."""


class ProviderSettings(msgspec.Struct, frozen=True):
    """One provider, as configured, with its preset's facts filled in."""

    name: str
    """The first half of `provider/model`."""
    account: str = ""
    """Whose reasoning state it can read: see `origin`."""
    kind: Literal["openai-compatible", "local"] = "openai-compatible"
    base_url: str | None = None
    """Up to and with `/v1` or its like; `chat_path` is appended. None for `local`."""
    api_key: Secret | None = None
    auth: str = "bearer"
    """`bearer` sends `authorization: Bearer KEY`, `aws` signs each request with it, `google` exchanges a service
    account's key for tokens; anything else is the name of the header that carries the bare key."""
    access_key_id: str | None = None
    """With `aws`: which key `api_key` is the secret of."""
    session_token: Secret | None = None
    """With `aws`: of credentials that expire."""
    region: str | None = None
    """With `aws`: where the provider is."""
    headers: dict[str, str] = {}
    """Sent with every request."""
    query: dict[str, str] = {}
    """Appended to every URL."""
    chat_path: str = "/chat/completions"
    embeddings_path: str = "/embeddings"
    models_path: str = "/models"
    dialects: tuple[DialectName, ...] = ("openai-chat",)
    """What it speaks. Requests in another dialect are translated into the first."""
    hosting: Hosting | None = None
    """Which cloud hosts its dialect, `anthropic-messages`, in a form of its own; None: it is Anthropic's own."""
    quirks: Quirks = STANDARD
    """How its kind of the first dialect differs from the original."""
    paths: dict[DialectName, Paths] = {}
    """Where requests go, by dialect; `chat_path` is where those of `openai-chat` go."""
    stream_usage: bool = True
    """Whether it understands `stream_options.include_usage`."""
    timeouts: Timeouts = Timeouts()
    max_connections: int = 10_000
    keep_alive: bool = True
    """Whether connections are kept for further requests."""
    quota: str | None = None
    """The quota that its calls are counted against; None: its own."""
    known_as: str | None = None
    """What OpenTelemetry calls it, where it is one of those that have a name there."""
    prices: str | None = None
    """Its id in the price list, where it has one."""
    models: tuple[str, ...] = ()
    """Names listed under `/v1/models`; others may be called all the same."""

    def framing_of(self, dialect: DialectName) -> Framing:
        """How its streams are cut into frames, when it is spoken to in `dialect`."""
        if dialect == "anthropic-messages" and self.hosting == "bedrock":
            return "aws-invoked"
        return "aws-event-stream" if dialect == "bedrock-converse" else "sse"

    @property
    def origin(self) -> str:
        """What its reasoning state is sealed with, and found back by."""
        return self.account or self.name
