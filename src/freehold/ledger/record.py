"""The finished record of one call, as the engine hands it over."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.decision import Decision
from freehold.core.trace import Trace
from freehold.core.usage import NO_USAGE, Usage

Outcome = Literal["answered", "refused", "failed", "cut", "cancelled"]
"""
answered   the client got a complete answer
refused    we or the provider said no (4xx), and no model wrote anything
failed     no answer could be had (5xx, unreachable, time limit) before anything was sent
cut        an answer began and broke off: on the provider's side, or because we were stopped
cancelled  the client hung up, or wants no more of what it left to the background
"""


Operation = Literal["chat", "embeddings", "count", "mirror"]
"""
count   only the tokens of a request were asked for. It costs nothing
mirror  a copy of a chat call, sent to a model on trial after the client was answered. It costs money, but is no traffic
"""


class Attempt(msgspec.Struct, gc=False, omit_defaults=True):
    """One try at one model. Times are milliseconds since the call began."""

    provider: str
    model: str
    """The provider's own name for the model."""
    start_ms: float
    end_ms: float = 0.0
    first_ms: float | None = None
    """First token of a stream, or the whole answer's arrival."""
    status: int | None = None
    """HTTP status of the provider; None when none arrived."""
    outcome: Outcome = "failed"
    error: str | None = None
    """Code of the error tree."""
    reason: str = "incumbent"
    """Why this model, and now: see `routing.plans.Reason`."""
    usage: Usage = NO_USAGE
    """What this attempt used, as far as it is known. The call's is the sum."""
    span: int = 0
    """Its id in the call's trace; 0: it is not recorded there."""

    @property
    def may_be_billed(self) -> bool:
        """Whether a model may have done something that is billed, although nothing is known of it."""
        answered = self.status is not None and self.status < 300
        return answered or self.error == "provider_timeout"


class Call(msgspec.Struct, gc=False):
    """One request through the endpoint with everything that came of it."""

    id: str
    started_us: int
    """Microseconds since 1970, UTC."""
    operation: Operation
    dialect: str
    key_id: str | None = None
    route: str | None = None
    """The name the client asked for, as long as it names a route or model that exists."""
    provider: str | None = None
    """Of the last attempt."""
    model: str | None = None
    """Of the last attempt: the provider's own name."""
    reported_model: str | None = None
    """What the provider said it was, in the answer."""
    streamed: bool = False
    status: int = 200
    """What the client was told."""
    outcome: Outcome = "answered"
    error: str | None = None
    stop_reason: str | None = None
    usage: Usage = NO_USAGE
    """Of all attempts together."""
    raw_usage: bytes | None = None
    """The provider's usage object, as JSON on the wire: that of the last attempt."""
    first_token_ms: float | None = None
    duration_ms: float = 0.0
    request_bytes: int = 0
    answer_bytes: int = 0
    attempts: list[Attempt] = []
    losses: tuple[str, ...] = ()
    request_body: bytes | None = None
    """None when bodies are switched off for this call, or there was no room to keep it."""
    answer_body: bytes | None = None
    """The answer as sent; for a stream the event-stream bytes. None when not kept."""
    trace: Trace | None = None
    decision: Decision | None = None
    """What a policy decided for it; None: no policy was asked."""
    mirrors: str | None = None
    """Of a mirror: id of the call that it is a copy of."""
