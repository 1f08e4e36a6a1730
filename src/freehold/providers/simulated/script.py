"""The script: what happens, and when. It knows nothing of how an answer looks on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.providers.simulated.faults import AnyFault, Count
from freehold.providers.simulated.spread import NotNegative, Spread


class Echo(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="echo"):
    """Says what the last user message said."""


class Lorem(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="lorem"):
    """So many words without meaning; the same seed and call give the same words."""

    tokens: Annotated[int, Meta(ge=1)] = 32


class ToolCall(Struct, frozen=True, forbid_unknown_fields=True):
    """One tool call of an answer. Several in one answer are parallel calls."""

    name: str
    arguments: str = "{}"
    """As sent, whether it is JSON or not."""
    id: str | None = None
    """None: made from the seed."""
    pieces: Annotated[int, Meta(ge=1)] = 4
    """How many chunks of a stream the arguments come in."""


class UsageNumbers(Struct, frozen=True, forbid_unknown_fields=True):
    """Usage as the script wants it; what is not given is counted."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    reasoning_tokens: Count | None = None


class Behaviour(Struct, frozen=True, forbid_unknown_fields=True):
    """How a model answers a call. Times are seconds."""

    times: Annotated[int, Meta(ge=1)] = 1
    """In a sequence: for so many calls, then the next behaviour. The last one stays."""
    text: str | Echo | Lorem | None = None
    """A plain string is said as it is. None: 32 words of lorem, or no text when there are tool calls."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """None: `stop`, `length` when the request's limit was reached, `tool_calls` after tool calls."""
    usage: UsageNumbers | Literal["counted", "missing"] = "counted"
    headers_s: Spread = 0.0
    """Until the headers."""
    first_token_s: Spread = 0.0
    """From the headers to the first token."""
    tokens_per_s: Spread | None = None
    """Drawn anew for each token. None: as fast as the client reads."""
    chunk_tokens: Annotated[int, Meta(ge=1)] = 1
    """Tokens in one chunk of a stream."""
    dimensions: Annotated[int, Meta(ge=1, le=8192)] = 384
    """Of embeddings, unless the request says otherwise."""
    headers: dict[str, str] = {}
    """Sent with every answer."""
    faults: tuple[AnyFault, ...] = ()
    """Each is tried in turn with its chance; the first that strikes is the only one."""


Sequence = Annotated[tuple[Behaviour, ...], Meta(min_length=1)]
"""For consecutive calls."""


class Outage(Struct, frozen=True, forbid_unknown_fields=True):
    """The provider as a whole is away."""

    how: Literal["refuse", "reset", "hang"] = "refuse"
    """
    refuse  the port is closed and open connections are reset, as when the process died
    reset   every connection is reset as it is accepted
    hang    requests are read and never answered
    """
    after_s: NotNegative = 0.0
    """From the start of the script."""
    for_s: NotNegative | None = None
    """None: until the script is changed."""


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a simulated provider does. The empty script answers every model with lorem at once."""

    seed: int = 0
    key: str | None = None
    """The only key that is let in. None: any, or none at all."""
    prefix: str = ""
    """Path before `/v1`."""
    models: dict[str, Behaviour | Sequence] = {}
    """By name: one behaviour, or a sequence for consecutive calls. `*` is for every name without
    an entry of its own. In a script with models but without `*`, an unknown name is answered 404."""
    keep_alive_s: NotNegative | None = None
    """Idle connections are closed after so long; 0 closes after each answer. None: never."""
    outage: Outage | None = None
