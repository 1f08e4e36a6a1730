"""The script: what happens, and when. It knows nothing of how an answer looks on the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from freehold.core.errors import SettingsError
from freehold.providers.simulated.dice import NotNegative, Spread
from freehold.providers.simulated.faults import AnyFault, Count


class Echo(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="echo"):
    """Says what the last user message said."""


class Lorem(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="lorem"):
    """So many words without meaning; the same seed and call give the same words."""

    tokens: Annotated[int, Meta(ge=1)] = 32


class Recite(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="recite"):
    """Says so many words that depend on what the user asked alone, none of them twice. When the last turn but one
    is the beginning of them, said by the assistant, it goes on with the very next character.
    """

    tokens: Annotated[int, Meta(ge=1)] = 32


class Describe(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="describe"):
    """Says, as JSON, what it understood of the request: the same for the same meaning in every dialect."""


class ToolCall(Struct, frozen=True, forbid_unknown_fields=True):
    """One tool call of an answer. Several in one answer are parallel calls."""

    name: str
    arguments: str = "{}"
    """As sent, whether it is JSON or not."""
    id: str | None = None
    """None: made from the seed."""
    pieces: Annotated[int, Meta(ge=1)] = 4
    """How many chunks of a stream the arguments come in."""


class Reasoning(Struct, frozen=True, forbid_unknown_fields=True):
    """What the model thinks before it answers, as far as it is shown, and the state that vouches for it."""

    text: str = ""
    """Shown as it is; with neither text nor summary there is nothing but the state."""
    summary: tuple[str, ...] = ()
    """Sections, where the dialect has them; elsewhere they are shown as one text."""
    state: Literal["signed", "redacted", "none"] = "signed"
    """`redacted`: nothing is shown, where the dialect has a form for that."""
    sits: Literal["call", "text", "empty"] | None = None
    """Where Gemini's signature is: on the first call, on the text, or on an empty part after it.
    None: on the call when there is one, else on the text."""
    required: bool = False
    """What was said after it is refused when it comes back without this state, even where the real
    API would let that pass."""


class Citation(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a piece of the text is from: a web page, or with `document` one of the request's documents."""

    url: str | None = None
    title: str = ""
    quote: str = ""
    start: Count = 0
    """Of the text, in characters; and where it ends, None: at the end of the text."""
    end: Count | None = None
    document: Count | None = None


class UsageNumbers(Struct, frozen=True, forbid_unknown_fields=True):
    """Usage as the script wants it; what is not given is counted."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None


class Behaviour(Struct, frozen=True, forbid_unknown_fields=True):
    """How a model answers a call. Times are seconds."""

    times: Annotated[int, Meta(ge=1)] = 1
    """In a sequence: for so many calls, then the next behaviour. The last one stays."""
    text: str | Echo | Lorem | Recite | Describe | None = None
    """A plain string is said as it is. None: what the request's schema or tool choice demands, made from the
    schema; no text when there are tool calls; else 32 words of lorem."""
    reasoning: Reasoning | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    """Said instead of everything else, in the dialect's form of declining."""
    citations: tuple[Citation, ...] = ()
    finish_reason: str | None = None
    """One of `stop`, `length`, `tool_calls`, `content_filter`, `refusal`, `stop_sequence`, `pause`,
    `context`, which each dialect says in its own word; anything else is said as it is. None: as it went."""
    usage: UsageNumbers | Literal["counted", "missing"] = "counted"
    calls_itself: str | None = None
    """The model's name in answers. None: as it was called."""
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
    aws_secret: str | None = None
    """The secret of `key`, which is then an access key's id: signatures for Amazon are checked. None: they are not."""
    google_key: str | None = None
    """The public key (PEM) of a service account: for a wish that its private key signed, `POST /token` gives `key`."""
    strict_turns: bool = True
    """Anthropic's and Bedrock's turns must alternate, begin with the user's, and be no system messages, which some
    of their models demand; without it neighbours of one role are joined, as the newest do."""
    prefix: str = ""
    """Path before everything."""
    models: dict[str, Behaviour | Sequence] = {}
    """By name: one behaviour, or a sequence for consecutive calls. `*` is for every name without
    an entry of its own. In a script with models but without `*`, an unknown name is answered 404."""
    keep_alive_s: NotNegative | None = None
    """Idle connections are closed after so long; 0 closes after each answer. None: never."""
    outage: Outage | None = None


Form = Literal["toml", "json"]


def decode_script(text: bytes | str, form: Form, *, where: str = "the script") -> Script:
    """The script written in `text`. Raises SettingsError, which names the place of the mistake."""
    try:
        if form == "toml":
            return msgspec.toml.decode(text, type=Script)
        return msgspec.json.decode(text, type=Script)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"`{where}` is not a script: {error}.",
            hint="docs/simulated.md lists every key.",
            where=where,
        ) from None


def read_script(path: Path) -> Script:
    """The script in a `.toml` or `.json` file. Raises SettingsError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"`{path}` cannot be read: {error.strerror}.", where=str(path)) from None
    return decode_script(text, "json" if path.suffix == ".json" else "toml", where=str(path))
