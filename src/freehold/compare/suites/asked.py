"""What was asked in a call on record, whatever dialect it came in, as something that any model can be asked."""

from __future__ import annotations

import hashlib

import msgspec

from freehold.core.answer import Answer
from freehold.core.errors import FreeholdError
from freehold.core.fields import Fields
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, HostedTool
from freehold.ledger.record import Call
from freehold.wire.dialect import Dialect, NotAnAnswer, Recipient
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)
from freehold.wire.sse import EventSplitter

DROPPED = (
    "model", "stream", "stream_options", "n", "user", "metadata", "store", "service_tier", "prompt_cache_key",
    "prompt_cache_retention", "safety_identifier", "prediction", "logprobs", "top_logprobs",
)  # fmt: skip
"""Fields that a comparison sets itself, that say who asks, or that have no part in what a right answer is."""
_INSTRUCTIONS = ("system", "developer")
_RECIPIENT = Recipient(model="any", origin="")
_NULL = b"null"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fields).decode


class Unfit(Exception):
    """The call makes no case; the message says why, for several such calls together."""


class Asked(msgspec.Struct, frozen=True):
    """What was asked."""

    body: Fields
    """Of an `openai-chat` request."""
    question: str
    """What is asked last, without instructions."""
    instructions: str
    """Of whoever made the application."""
    before: str
    """What was said before the question."""
    turn: int
    """1 where nothing was answered before."""
    conversation: str
    """Of what it began with: the same for all turns."""
    losses: tuple[str, ...]
    """What the translation to this dialect could not carry over."""


def asked_in(call: Call, *, with_media: bool) -> Asked:
    """What was asked in a call whose request is there. Raises Unfit."""
    if call.request_body is None:
        raise Unfit("have a request that is no longer kept")
    try:
        request = _request_of(call, call.request_body)
        decoded = request.decoded()
    except FreeholdError:
        raise Unfit("have a request that cannot be read") from None
    return asked_by(request, decoded, with_media=with_media)


def asked_by(request: Request, decoded: ChatRequest, *, with_media: bool) -> Asked:
    """The same of a request that has been read and decoded. Raises Unfit."""
    if _goes_on(request):
        raise Unfit("go on from an answer that the request does not repeat")
    if not with_media and _has_media(decoded):
        raise Unfit("hold pictures, sounds or files, in which nothing can be masked")
    if any(isinstance(tool, HostedTool) for tool in decoded.tools):
        raise Unfit("use a tool that only their own provider runs")
    losses = Losses()
    if request.dialect == "openai-chat":
        body = dict(request.fields)
    else:
        try:
            body = _decode(dialect_of("openai-chat").encode_request(decoded, _RECIPIENT, losses))
        except FreeholdError:
            raise Unfit("cannot be said in the dialect of comparisons") from None
    for name in DROPPED:
        body.pop(name, None)
    return _asked(decoded, body, losses.names)


def answer_in(call: Call) -> str | None:
    """The text that was answered; None where it is not kept, or is anything but text."""
    answered = answered_in(call)
    if answered is None:
        return None
    parts = answered.choices[0].parts if answered.choices else []
    if any(not isinstance(part, Text | Reasoning) for part in parts):
        return None
    return "".join(part.text for part in parts if isinstance(part, Text)).strip() or None


def answered_in(call: Call) -> Answer | None:
    """What was answered, a stream put together; None where it is not kept or cannot be read."""
    if not call.answer_body or call.dialect not in NAMES:
        return None
    dialect = dialect_of(call.dialect)
    try:
        return (
            _gathered(dialect, call.answer_body) if call.streamed else dialect.decode_answer(call.answer_body)
        )
    except (NotAnAnswer, msgspec.DecodeError, RecursionError):
        return None


def _request_of(call: Call, body: bytes) -> Request:
    match call.dialect:
        case "openai-chat":
            return read_chat_request(body)
        case "anthropic-messages":
            return read_messages_request(body)
        case "openai-responses":
            return read_responses_request(body)
        case "gemini":
            return read_gemini_request(body, call.route or "any", stream=call.streamed)
    raise Unfit("have a request that cannot be read")


def _goes_on(request: Request) -> bool:
    return any(
        bytes(request.fields.get(name, _NULL)) != _NULL
        for name in ("previous_response_id", "conversation", "prompt")
    )


def _has_media(request: ChatRequest) -> bool:
    return any(
        isinstance(part, Media | Foreign)
        or (isinstance(part, ToolResult) and any(not isinstance(one, Text) for one in part.content))
        for message in request.messages
        for part in message.parts
    )


def _asked(request: ChatRequest, body: Fields, losses: tuple[str, ...]) -> Asked:
    said = [one for one in request.messages if one.role not in _INSTRUCTIONS]
    instructions = "\n".join(_text(one) for one in request.messages if one.role in _INSTRUCTIONS)
    # What was written last may be several messages: all of them behind the last answer.
    begin = max((place for place, one in enumerate(said) if one.role == "assistant"), default=-1) + 1
    if not said or begin == len(said):
        raise Unfit("end in an answer, which a model is to go on with")
    first = next((_text(one) for one in said if one.role == "user"), "")
    return Asked(
        body=body,
        question="\n".join(map(_text, said[begin:])),
        instructions=instructions,
        before="\n".join(map(_text, said[:begin])),
        turn=1 + sum(one.role == "assistant" for one in said),
        conversation=hashlib.sha256(f"{instructions}\0{first}".encode(errors="replace")).hexdigest()[:16],
        losses=losses,
    )


def _text(message: Message) -> str:
    texts = []
    for part in message.parts:
        match part:
            case Text() | Refusal():
                texts.append(part.text)
            case ToolCall():
                texts.append(f"{part.name} {part.arguments}")
            case ToolResult():
                texts += [one.text for one in part.content if isinstance(one, Text)]
    return "\n".join(texts)


def _gathered(dialect: Dialect, stream: bytes) -> Answer:
    decoder, gathering = dialect.decode_stream(), Gathering()
    for frame in EventSplitter().feed(stream + b"\n\n"):
        for event in decoder.read(frame):
            gathering.add(event)
    for event in decoder.finish():
        gathering.add(event)
    return gathering.finish()
