"""What a dialect is: how its requests, answers, streams and errors are translated to and from the internal form."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from freehold.core.answer import Answer
from freehold.core.events import Event
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.state_places import StatePlaces

DialectName = Literal[
    "openai-chat", "openai-responses", "anthropic-messages", "gemini", "bedrock-converse", "cohere"
]

Framing = Literal["sse", "json-array", "aws-event-stream", "aws-invoked"]
"""How a stream is cut into frames. A frame of `sse` is one event without its closing empty line, of `json-array`
one element, of `aws-event-stream` one message, whole. With `aws-invoked` each message wraps an event, and that is
the frame, as `sse` would have it."""

Hosting = Literal["bedrock", "vertex"]
"""Clouds that host `anthropic-messages` in a form of their own: Amazon Bedrock's InvokeModel, Google Vertex AI's
rawPredict."""


class Quirks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a provider's form of a dialect differs from the original's. Declared in its preset, never in code."""

    max_tokens: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """openai-chat: what the bound on the answer's length is called."""
    developer_role: bool = True
    """openai-chat: whether it knows the role `developer`; else it is sent as `system`."""
    schema: bool = True
    """Whether the answer's form can be given as a JSON Schema."""
    json: bool = True
    """Whether a JSON answer can be asked for without a schema."""
    reasoning_wish: Literal["effort", "object", "thinking", "template", "none"] = "effort"
    """openai-chat: how to ask for reasoning: `reasoning_effort`, OpenRouter's `reasoning` object,
    `thinking: {type}` (Z.ai, DeepSeek, Moonshot), `chat_template_kwargs.enable_thinking` (vLLM, SGLang), not at all."""
    reasoning_replay: Literal["reasoning_content", "reasoning", "reasoning_details", "content", "none"] = (
        "none"
    )
    """openai-chat: in which field of an assistant's message earlier reasoning is sent back; `content`:
    among its parts, as Mistral has it."""
    encrypted_reasoning: Literal["known", "always", "never"] = "known"
    """openai-responses: for which models reasoning is asked for in its encrypted form, which lets it be replayed:
    those that are known to reason by their name or are asked to, all, none. OpenAI refuses it of models that do not."""
    documents: Literal["file", "document_url"] = "file"
    """openai-chat: as what parts documents are sent; `document_url` is Mistral's, and may be an address."""
    cache_control: bool = False
    """openai-chat: whether its parts may carry Anthropic's `cache_control` (OpenRouter)."""
    custom_tools: bool = True
    """openai-chat: whether it knows tools that take free text; else they are sent as functions."""
    call_ids: Literal["any", "nine"] = "any"
    """openai-chat: `nine`: ids of tool calls have to be nine letters and digits (Mistral)."""
    unsupported: tuple[str, ...] = ()
    """Names of ChatRequest's fields that the provider does not take (`seed`, `logit_bias`, `n` …): losses."""
    input_media: tuple[str, ...] = ("image", "audio", "video", "document")
    """Kinds of media that its messages may hold; others are losses."""
    media_urls: tuple[str, ...] | None = None
    """Kinds of media that it fetches from a URL by itself; we fetch the others. None: as the dialect does."""
    default_max_tokens: int | None = None
    """What is sent where the dialect demands a bound and the client gave none."""


STANDARD = Quirks()


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request is encoded for."""

    model: str
    """The provider's own name for the model."""
    origin: str
    """The account at the provider: the only one whose `State` goes along."""
    quirks: Quirks = STANDARD
    stream_usage: bool = True
    """Ask for usage in streams, where the dialect has to be asked."""


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an answer is encoded for."""

    request: ChatRequest
    """What was asked, as decoded from the client's dialect."""
    id: str
    """Of the call, `call_…`; the dialect makes its own id of it (`chatcmpl-…`, `msg_…`)."""
    created: int
    """Seconds since 1970."""
    framing: Framing = "sse"


class WireError(msgspec.Struct, frozen=True, kw_only=True):
    """An error, free of any dialect."""

    status: int
    message: str
    kind: str | None = None
    """The word of who made it: `rate_limit_error`, `overloaded_error`, `RESOURCE_EXHAUSTED`."""
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    """Seconds, where the body says so (Gemini's RetryInfo)."""


class StreamDecoder(Protocol):
    """Reads one streamed answer."""

    def read(self, frame: bytes) -> list[Event]:
        """What a frame says. Raises NotAnAnswer for what is not of this dialect."""

    def finish(self) -> list[Event]:
        """The bytes have ended: what is still to be said. Without an End among all events the answer was cut."""


class StreamEncoder(Protocol):
    """Writes one streamed answer."""

    def write(self, event: Event) -> bytes:
        """The event in the client's dialect and framing; may be empty. What has no place is added to the losses.

        End writes all that closes the stream; ErrorSeen the error, as the dialect has it in a stream. Raises
        NotAnAnswer where an answer has to be held and is too long for that.
        """

    def wait(self) -> bytes:
        """What shows a client that the answer is being made, and is no part of it. Never empty; not for the end."""


class Dialect(Protocol):
    """One dialect's translations. A module's worth of pure functions."""

    name: DialectName
    state: StatePlaces
    """Where its answers have reasoning state."""

    def decode_request(self, body: bytes) -> ChatRequest:
        """Raises BadRequest, which names the field as the client wrote it."""

    def encode_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """The body for a provider. Raises BadRequest where nothing sensible can be sent."""

    def decode_answer(self, body: bytes) -> Answer:
        """Raises NotAnAnswer."""

    def encode_answer(self, answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
        """The body for a client."""

    def decode_stream(self) -> StreamDecoder:
        """For one answer."""

    def encode_stream(self, addressee: Addressee, losses: Losses) -> StreamEncoder:
        """For one answer."""

    def decode_usage(self, raw: bytes | None) -> Usage:
        """The usage object of this dialect; NO_USAGE where it is not understood."""

    def decode_error(self, status: int, body: bytes) -> WireError:
        """What a provider said. Never raises."""

    def encode_error(self, error: WireError) -> bytes:
        """The error as a body for a client."""


class NotAnAnswer(ValueError):
    """The bytes are not an answer of this dialect."""
