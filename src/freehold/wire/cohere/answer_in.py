"""Whole answers of Cohere's chat."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.fields import Fields
from freehold.core.parts import Foreign, Part, Reasoning, Text, ToolCall
from freehold.core.usage import NO_USAGE
from freehold.wire.cohere import logprobs
from freehold.wire.cohere.citations import decode_citations
from freehold.wire.cohere.stop_reasons import stop_of
from freehold.wire.cohere.usage import decode_usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, need_utf8

NAME = "cohere"

PLAN: Fields = {"tool_plan": msgspec.Raw(b"true")}
"""Marks reasoning that came as `tool_plan`, and goes back as that."""


def decode_answer(body: bytes) -> Answer:
    """The answer in the internal form. Raises NotAnAnswer."""
    try:
        return _answer(Object(need_utf8(body)))
    except (Unreadable, msgspec.DecodeError) as error:
        raise NotAnAnswer(str(error)) from None


def _answer(answer: Object) -> Answer:
    message = answer.take_object("message")
    if message is None:
        raise Unreadable("message", "is missing")
    raw_usage = answer.take_raw("usage")
    word = answer.take("finish_reason", str)
    probable = answer.take_raw("logprobs")
    return Answer(
        id=answer.take("id", str),
        model=answer.take("model", str),
        choices=[
            Choice(
                parts=_parts(message),
                stop=None if word is None else stop_of(word),
                logprobs=None if probable is None else logprobs.of_answer(probable),
            )
        ],
        usage=NO_USAGE if raw_usage is None else decode_usage(raw_usage),
        raw_usage=raw_usage,
        dialect=NAME,
        extra=answer.rest() | message.rest(),
    )


def _parts(message: Object) -> list[Part]:
    message.drop("role")
    plan = message.take("tool_plan", str)
    content = [_content(block) for block in message.take_objects("content") or ()]
    for cited in message.take_objects("citations") or ():
        _cite(cited, content)
    parts: list[Part] = [Reasoning(text=plan, extra=dict(PLAN))] if plan else []
    parts += content
    parts += [_call(call) for call in message.take_objects("tool_calls") or ()]
    return parts


def _content(block: Object) -> Text | Reasoning | Foreign:
    kind = block.take("type", str)
    if kind == "text" or (kind is None and block.has("text")):
        return Text(text=block.take("text", str) or "", extra=block.rest())
    if kind == "thinking":
        return Reasoning(text=block.take("thinking", str) or "", extra=block.rest())
    whole = {"type": kind, **block.rest()}
    return Foreign(dialect=NAME, kind=kind or "content", raw=msgspec.json.encode(whole))


def _cite(cited: Object, content: list[Text | Reasoning | Foreign]) -> None:
    """Puts the citation on the part that it is of."""
    number = cited.take("content_index", int)
    citations = decode_citations(cited)
    part = content[number] if number is not None and 0 <= number < len(content) else None
    if not isinstance(part, Text):
        part = next((one for one in content if isinstance(one, Text)), None)
    if part is None:
        part = Text()
        content.append(part)
    part.citations = [*part.citations, *citations]


def _call(call: Object) -> ToolCall:
    call.drop("type")
    function = call.take_object("function")
    if function is None:
        raise Unreadable(call.place("function"), "is missing")
    return ToolCall(
        id=call.need("id", str),
        name=function.need("name", str),
        arguments=arguments_of(function.take("arguments", str)),
        extra=call.rest() | function.rest(),
    )


def arguments_of(text: str | None) -> str:
    """The arguments; a call without any says `null`, or nothing."""
    return "{}" if text is None or text.strip() in ("", "null") else text
