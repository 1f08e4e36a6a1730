"""Whole answers of Converse."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.fields import Fields
from freehold.core.parts import Foreign, Media, Part, Reasoning, State, Text, ToolCall
from freehold.core.usage import NO_USAGE
from freehold.wire.bedrock.citations import decode_citation
from freehold.wire.bedrock.stop_reasons import stop_of
from freehold.wire.bedrock.usage import decode_usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, is_object, need_utf8

NAME = "bedrock-converse"
_MORE = "additionalModelResponseFields"


def decode_answer(body: bytes) -> Answer:
    """The answer in the internal form. Raises NotAnAnswer."""
    try:
        return _answer(Object(need_utf8(body)))
    except Unreadable as error:
        raise NotAnAnswer(str(error)) from None


def _answer(answer: Object) -> Answer:
    output = answer.take_object("output")
    message = output.take_object("message") if output is not None else None
    if message is None:
        raise Unreadable("output.message", "is missing")
    parts = [part for block in message.take_objects("content") or () if (part := _part(block)) is not None]
    message.drop("role")
    sequence, told = split_more(answer.take_raw("additionalModelResponseFields"))
    raw_usage = answer.take_raw("usage")
    tier = answer.take_object("serviceTier")
    # How long it took is measured by ourselves, for every provider in the same way.
    answer.drop("metrics")
    word = answer.take("stopReason", str)
    extra = answer.rest() | message.rest() | told
    return Answer(
        choices=[Choice(parts=parts, stop=_stop(word, sequence))],
        usage=decode_usage(raw_usage) if raw_usage else NO_USAGE,
        raw_usage=raw_usage,
        service_tier=tier.take("type", str) if tier is not None else None,
        dialect=NAME,
        extra=extra,
    )


def split_more(raw: bytes | msgspec.Raw | None) -> tuple[str | None, Fields]:
    """What the model said beside its answer: the stop sequence that it met, and whatever else was asked for."""
    if not raw or bytes(raw) == b"null":
        return None, {}
    sequence = None
    if is_object(raw):
        more = Object(raw, _MORE)
        sequence = more.take("stop_sequence", str)
        rest = more.rest()
        if not rest:
            return sequence, {}
        raw = msgspec.json.encode(rest)
    return sequence, {_MORE: msgspec.Raw(raw)}


def _stop(word: str | None, sequence: str | None) -> Stop | None:
    return None if word is None else stop_of(word, sequence)


def _part(block: Object) -> Part | None:
    """None for a text without words: some models begin with one, and it says nothing."""
    if block.has("text"):
        text = block.need("text", str)
        return Text(text=text, extra=block.rest()) if text else None
    if (raw := block.take_raw("toolUse")) is not None:
        return tool_use(raw, block.place("toolUse"))
    if (thought := block.take_object("reasoningContent")) is not None:
        return _reasoning(thought)
    if (cited := block.take_object("citationsContent")) is not None:
        return _cited_text(cited)
    return _other_part(block)


def _cited_text(cited: Object) -> Text:
    words = [piece.take("text", str) or "" for piece in cited.take_objects("content") or ()]
    citations = [decode_citation(one) for one in cited.take_objects("citations") or ()]
    return Text(text="".join(words), citations=citations, extra=cited.rest())


def _other_part(block: Object) -> Part | None:
    if (raw := block.take_raw("image")) is not None:
        return picture(raw, block.place("image"))
    rest = block.rest()
    if not rest:
        return None
    kind = next(iter(rest))
    return foreign(kind, rest[kind])


def tool_use(raw: bytes, path: str) -> ToolCall | Foreign:
    """A call. One of a tool that Bedrock runs itself is for this dialect alone."""
    call = Object(raw, path)
    kind = call.take("type", str)
    if kind not in (None, "tool_use"):
        return foreign("toolUse", msgspec.Raw(raw), kind)
    arguments = call.take_raw("input")
    return ToolCall(
        id=call.need("toolUseId", str),
        name=call.need("name", str),
        arguments="{}" if arguments is None else arguments.decode(),
        extra=call.rest(),
    )


def _reasoning(thought: Object) -> Reasoning:
    shown = thought.take_object("reasoningText")
    redacted = thought.take("redactedContent", str)
    if shown is None:
        state = None if redacted is None else State(data=redacted, kind="redacted")
        return Reasoning(state=state, extra=thought.rest())
    signature = shown.take("signature", str)
    return Reasoning(
        text=shown.take("text", str) or "",
        state=State(data=signature, kind="signature") if signature else None,
        extra=thought.rest() | shown.rest(),
    )


def picture(raw: bytes, path: str) -> Media | Foreign:
    """A picture that the model made; what cannot be shown (its making failed) is for this dialect alone."""
    image = Object(raw, path)
    source = image.take_object("source")
    data = source.take("bytes", str) if source is not None else None
    form = image.take("format", str)
    if not data:
        return foreign("image", msgspec.Raw(raw))
    return Media(kind="image", mime_type=f"image/{form}" if form else None, data=data, extra=image.rest())


def foreign(kind: str, raw: msgspec.Raw, word: str | None = None) -> Foreign:
    """A block that only this dialect has; `word` names it, where its own type says more than its kind."""
    return Foreign(dialect=NAME, kind=word or kind, raw=msgspec.json.encode({kind: raw}))
