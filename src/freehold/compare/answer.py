"""What a model said to a case."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class ToolCall(msgspec.Struct, frozen=True):
    """A function that the model wants called."""

    name: str
    arguments: str
    """As the model wrote them: JSON, where it kept to it."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer, or what came instead of one. It is kept, so that it can be scored again without asking again."""

    id: str
    model: str
    """Of the catalog: `provider/name`."""
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    refusal: str | None = None
    finish_reason: str | None = None
    failure: str | None = None
    """Why there is no answer (`provider_timeout`, …: a code of the error tree); None: there is one."""
    call_id: str | None = None
    """The call in the ledger; None: the answer was recorded elsewhere."""
    reported_model: str | None = None
    """What the provider says that answered."""
    cost: Decimal | None = None
    """US dollars. None: unknown."""
    latency_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    losses: tuple[str, ...] = ()
    """What the translation to its provider could not carry over."""
    score: float | None = None
    """That it was handed in with, 0 … 1; None: with none, or it was asked for by us."""
    made_us: int = 0
    """Microseconds since 1970, UTC."""
