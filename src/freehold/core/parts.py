"""What messages are made of. Every dialect is translated into these and out of them."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields

MediaKind = Literal["image", "audio", "video", "document"]


class CacheMark(msgspec.Struct, frozen=True, gc=False):
    """The client asks the provider to cache everything up to here."""

    ttl: str | None = None
    """`5m` or `1h`; None: the provider's default."""


class State(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Something only its maker can read: a signature, encrypted or redacted reasoning.

    It is replayed to its maker and to nobody else; elsewhere it is dropped, which is a loss.
    """

    data: str
    """As it was made, never changed."""
    kind: Literal["signature", "encrypted", "redacted"]
    """
    signature   vouches for the part it sits on (Anthropic's `signature`, Gemini's `thoughtSignature`)
    encrypted   is the reasoning itself, readable only by its maker (OpenAI's `encrypted_content`)
    redacted    stands in for reasoning that is not shown (Anthropic's `redacted_thinking`)
    """
    origin: str | None = None
    """The account at a provider that it was made with; None when the client does not say."""
    model: str | None = None
    """The provider's own name for the model that made it."""
    on_previous: bool = False
    """It belongs to the part before the one that carries it: the client's dialect has no place for it there.
    Set in sealed state alone; a decoder puts the state where it belongs and clears this."""


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a piece of text is from. What a dialect does not know stays None."""

    kind: Literal["url", "document", "file", "other"] = "other"
    url: str | None = None
    title: str | None = None
    quote: str | None = None
    """The cited words of the source."""
    start: int | None = None
    """Of the text that is supported, in characters of its part."""
    end: int | None = None
    document: int | None = None
    """Number of the cited document in the request, from 0."""
    file_id: str | None = None
    source_start: int | None = None
    """Of the cited words in the source: characters, pages or blocks as `unit` says."""
    source_end: int | None = None
    unit: Literal["characters", "pages", "blocks"] | None = None
    extra: Fields = {}
    """What else the dialect it came in said about it."""


class Text(msgspec.Struct, kw_only=True):
    """Words."""

    text: str = ""
    citations: list[Citation] = []
    cache: CacheMark | None = None
    state: State | None = None
    """Gemini signs text too."""
    item_id: str | None = None
    """Of the message item in openai-responses that it stands in: neighbours with the same one are one item."""
    extra: Fields = {}


class Media(msgspec.Struct, kw_only=True):
    """A picture, a sound, a film or a document: exactly one of `data`, `url`, `file_id` and `text` is set."""

    kind: MediaKind
    mime_type: str | None = None
    """`image/png`; None when the client left it open."""
    data: str | None = None
    """Base64, as it came."""
    url: str | None = None
    file_id: str | None = None
    """Of a file that one provider keeps: worth nothing elsewhere."""
    text: str | None = None
    """Of a document that is plain text."""
    name: str | None = None
    """File name or title."""
    detail: str | None = None
    """How closely to look at a picture: `low`, `high`, `auto`."""
    transcript: str | None = None
    """Of a sound that the model made."""
    cache: CacheMark | None = None
    state: State | None = None
    extra: Fields = {}


class ToolCall(msgspec.Struct, kw_only=True):
    """The model wants a tool to be run."""

    id: str
    """Pairs it with its result. Where a dialect has none, one is made (`core.ids.new_id("call")`)."""
    name: str
    arguments: str = ""
    """As the model wrote them: JSON text, which may be invalid and is kept all the same."""
    custom: bool = False
    """`arguments` is free text for a custom tool, not JSON."""
    item_id: str | None = None
    """Of the item that carries the call in openai-responses, which is not `id`."""
    cache: CacheMark | None = None
    state: State | None = None
    extra: Fields = {}


class ToolResult(msgspec.Struct, kw_only=True):
    """What running a tool gave."""

    call_id: str
    name: str | None = None
    """Of the tool. Gemini wants it; elsewhere the call with `call_id` knows it."""
    content: list[Text | Media | Foreign] = []
    structured: bool = False
    """The single text of `content` is a JSON object that was one on the wire (Gemini's `response`)."""
    failed: bool | None = None
    """None where the dialect cannot say."""
    custom: bool = False
    cache: CacheMark | None = None
    extra: Fields = {}


class Reasoning(msgspec.Struct, kw_only=True):
    """What the model thought. May be empty and have nothing but a `state`: that is normal."""

    text: str = ""
    """The reasoning itself, as far as it is shown."""
    summary: list[str] = []
    """A summary in place of it, or beside it; one or more sections."""
    state: State | None = None
    item_id: str | None = None
    extra: Fields = {}


class Refusal(msgspec.Struct, kw_only=True):
    """The model's words for declining, where a dialect sets them apart from text."""

    text: str = ""
    item_id: str | None = None
    """As a Text's."""
    extra: Fields = {}


class Foreign(msgspec.Struct, kw_only=True):
    """A part that only one dialect has (a hosted tool's call, say): kept as it is, for that dialect alone."""

    dialect: str
    kind: str
    """Its type in that dialect, which names the loss: `part.{kind}`."""
    raw: bytes
    """JSON."""
    state: State | None = None
    """Gemini signs these too; the signature is not in `raw`."""


Part = Text | Media | ToolCall | ToolResult | Reasoning | Refusal | Foreign


class Message(msgspec.Struct, kw_only=True):
    """One turn, or a piece of one: neighbours may have the same role, each dialect joins as it must."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    """`tool`: `parts` are ToolResults alone, in the order in which they came."""
    parts: list[Part] = []
    name: str | None = None
    id: str | None = None
    """Of the item in openai-responses."""
    plain: bool = False
    """Its content was a bare string where a list of parts was possible too."""
    extra: Fields = {}
