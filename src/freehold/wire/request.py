"""Requests as they come in: what must be known is read, everything else stays the bytes it was.

Only a request that has to be translated is read completely, by its dialect.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.parts import State
from freehold.core.request import ChatRequest
from freehold.core.secret import without_our_keys
from freehold.wire.dialect import DialectName, Framing
from freehold.wire.dialects import dialect_of
from freehold.wire.sealing import MARK, last_sealed, opened

_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode
_decode_options = msgspec.json.Decoder(Fields | None).decode
_encode = msgspec.json.Encoder().encode

_TRUE = msgspec.Raw(b"true")
_ASK_FOR_USAGE = msgspec.Raw(b'{"include_usage":true}')
_NOT_LISTS = (b"[]", b"null")
_INSTEAD_OF_INPUT = ("previous_response_id", "conversation", "prompt")
"""Fields of a Responses request that bring an input along."""
_begins_list = re.compile(rb"\[\s*+[^\s\]]").match
"""A list with something in it, seen by its first bytes: the rest may be megabytes."""

_MARK = MARK.encode()

MOST_FIELDS = 500
"""Top-level fields of a request. Those of the dialect are some forty; a million would be an attack."""


class Request(msgspec.Struct, gc=False):
    """A decoded request. `fields` maps each top-level name to its value's own bytes."""

    model: str
    fields: Fields
    stream: bool = False
    wants_usage: bool = False
    """The client asked for the stream's usage event itself (`stream_options.include_usage`)."""
    dialect: DialectName = "openai-chat"
    framing: Framing = "sse"
    """Of the stream that the client expects."""
    holds_state: bool = False
    """There may be sealed reasoning state in it."""
    strict: bool = False
    """The client would rather have an error than a loss."""
    continues: str | None = None
    """Id of the kept answer that the conversation in it goes on from."""
    background: bool = False
    """The client waits for no answer: it asks for it later."""
    measured: bool = False
    """Whoever answers is to say how probable its words are, where it can; the client is not told, unless it asked."""
    lost: tuple[str, ...] = ()
    """Losses that were found before any provider was asked."""
    headers: dict[str, str] = {}
    """Headers that mean something in its dialect, beside the body; their names are in lower case."""

    @property
    def size(self) -> int:
        """Bytes of its fields' values."""
        return sum(map(len, self.fields.values()))

    def decoded(self) -> ChatRequest:
        """The whole request in the internal form. Raises BadRequest, which names the field."""
        fields = self.fields
        if self.dialect == "gemini":  # there the URL says both
            stream = msgspec.Raw(_encode(self.stream))
            fields = {**fields, "model": msgspec.Raw(_encode(self.model)), "stream": stream}
        return dialect_of(self.dialect).decode_request(_encode(fields))

    def last_state(self) -> State | None:
        """The sealed reasoning state in it that was made last."""
        if not self.holds_state:
            return None
        return next(filter(None, map(last_sealed, map(bytes, self.fields.values()))), None)

    def opened(self, is_own: Callable[[State], bool]) -> Request | None:
        """The request with the state in it as its maker made it, for a provider of the same dialect; None when not
        all of it `is_own`.
        """
        if not self.holds_state:
            return self
        fields = dict(self.fields)
        for name, value in fields.items():
            raw = bytes(value)
            if _MARK in raw:
                own = opened(raw, is_own)
                if own is None:
                    return None
                fields[name] = msgspec.Raw(own)
        return msgspec.structs.replace(self, fields=fields)

    def whole(self) -> bytes:
        """The body, with the model's name in it wherever that came from."""
        return _encode({**self.fields, "model": msgspec.Raw(_encode(self.model))})

    def for_provider(self, model: str, *, ask_for_usage: bool) -> bytes:
        """The request body for a provider that calls the model `model`.

        Only `model` changes and, when `ask_for_usage` and streaming, `stream_options.include_usage`;
        every other value is sent byte for byte as the client wrote it.
        """
        fields = dict(self.fields)
        if self.dialect != "gemini":
            fields["model"] = msgspec.Raw(_encode(model))
        if ask_for_usage and self.stream and not self.wants_usage and self.dialect == "openai-chat":
            options = _decode_options(fields["stream_options"]) if "stream_options" in fields else None
            fields["stream_options"] = (
                msgspec.Raw(_encode({**options, "include_usage": _TRUE})) if options else _ASK_FOR_USAGE
            )
        return _encode(fields)


def _read_fields(body: bytes) -> Fields:
    try:
        if not body.isascii():
            body.decode()
        fields = _decode_fields(body)
    except msgspec.ValidationError:
        raise BadRequest("The request body is not a JSON object.") from None
    except msgspec.DecodeError as error:
        raise BadRequest(
            f"The request body is not valid JSON: {error}." if body else "The request has no body."
        ) from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not UTF-8 (byte {error.start}).") from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply.") from None
    if len(fields) > MOST_FIELDS:
        raise BadRequest(f"The request has more than {MOST_FIELDS} fields.")
    return fields


def _read_model(fields: Fields) -> str:
    raw = fields.get("model")
    if raw is None:
        raise BadRequest(
            "The field `model` is missing.", hint="Name a route, such as `default`.", param="model"
        )
    try:
        model = _decode_text(raw)
        model.encode()
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadRequest("The field `model` is not a string.", param="model") from None
    return _checked_model(model)


def _checked_model(model: str) -> str:
    if not model:
        raise BadRequest("The field `model` is empty.", param="model")
    if "fh" in model and without_our_keys(model.encode()) != model.encode():
        # It would become a name in the ledger and the metrics.
        raise BadRequest(
            "The field `model` holds a key.", hint="Keys go into the header `authorization`.", param="model"
        )
    return model


def read_chat_request(body: bytes) -> Request:
    """Decode a chat completions request.

    Raises BadRequest, which names the field. Only what Freehold acts on is judged here: `model`,
    `messages` (a list that is not empty), `stream` and `stream_options`.
    """
    fields = _read_fields(body)
    request = Request(_read_model(fields), fields, holds_state=_MARK in body)
    _need_list(fields, "messages")
    request.stream = _read_stream(fields)
    if "stream_options" in fields:
        try:
            options = _decode_options(fields["stream_options"])
            request.wants_usage = bool(options and _decode_flag(options.get("include_usage", b"null")))
        except msgspec.DecodeError:
            raise BadRequest(
                "The field `stream_options` is not understood.", param="stream_options"
            ) from None
    return request


def read_embeddings_request(body: bytes) -> Request:
    """Decode an embeddings request. Raises BadRequest, which names the field."""
    fields = _read_fields(body)
    request = Request(_read_model(fields), fields)
    if bytes(fields.get("input", b"null")) in (b"null", b"[]", b'""'):
        raise BadRequest("The field `input` is missing or empty.", param="input")
    return request


def read_messages_request(body: bytes) -> Request:
    """Decode a request of Anthropic's Messages. Raises BadRequest, which names the field."""
    fields = _read_fields(body)
    _need_list(fields, "messages")
    return Request(
        _read_model(fields),
        fields,
        _read_stream(fields),
        wants_usage=True,
        dialect="anthropic-messages",
        holds_state=_MARK in body,
    )


def read_responses_request(body: bytes) -> Request:
    """Decode a request of OpenAI's Responses. Raises BadRequest, which names the field."""
    request = read_responses_count_request(body)
    given = bytes(request.fields.get("input", b"null"))
    if given in _NOT_LISTS and not any(
        bytes(request.fields.get(name, b"null")) != b"null" for name in _INSTEAD_OF_INPUT
    ):
        raise BadRequest("The field `input` is missing or empty.", param="input")
    return request


def read_responses_count_request(body: bytes) -> Request:
    """The same for counting its tokens, where there need be no input. Raises BadRequest."""
    fields = _read_fields(body)
    return Request(
        _read_model(fields),
        fields,
        _read_stream(fields),
        wants_usage=True,
        dialect="openai-responses",
        holds_state=_MARK in body,
    )


def read_gemini_request(body: bytes, model: str, *, stream: bool, framing: Framing = "sse") -> Request:
    """Decode a request of Gemini's generateContent; its model and kind are in the URL. Raises BadRequest."""
    fields = _read_fields(body)
    _need_list(fields, "contents")
    return Request(
        _checked_model(model),
        fields,
        stream,
        wants_usage=True,
        dialect="gemini",
        framing=framing,
        holds_state=_MARK in body,
    )


def read_gemini_embeddings_request(body: bytes, model: str) -> Request:
    """Decode a request of Gemini's embedContent or batchEmbedContents. Raises BadRequest."""
    fields = _read_fields(body)
    if "content" not in fields:
        _need_list(fields, "requests")
    return Request(_checked_model(model), fields, dialect="gemini")


def read_gemini_count_request(body: bytes, model: str) -> Request:
    """Decode a request of Gemini's countTokens. Raises BadRequest."""
    fields = _read_fields(body)
    if "generateContentRequest" not in fields and "generate_content_request" not in fields:
        _need_list(fields, "contents")
    return Request(_checked_model(model), fields, dialect="gemini", holds_state=_MARK in body)


def _read_stream(fields: Fields) -> bool:
    if "stream" not in fields:
        return False
    try:
        return bool(_decode_flag(fields["stream"]))
    except msgspec.DecodeError:
        raise BadRequest("The field `stream` is neither true nor false.", param="stream") from None


def _need_list(fields: Fields, name: str) -> None:
    if name not in fields or not _begins_list(fields[name]):
        raise BadRequest(f"The field `{name}` is not a list with {name} in it.", param=name)
