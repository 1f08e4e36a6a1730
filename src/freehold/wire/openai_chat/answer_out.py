"""A whole answer written for a client."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.losses import Losses
from freehold.core.parts import Media, Part, Reasoning, Refusal, Text, ToolCall
from freehold.core.request import ChatRequest, Tool
from freehold.wire.dialect import Addressee
from freehold.wire.openai_chat.calls import signed, written_call
from freehold.wire.openai_chat.citations import annotation_of, stand_beside
from freehold.wire.openai_chat.media import picture_of
from freehold.wire.openai_chat.names import NAME, Written, encode, put_extra
from freehold.wire.openai_chat.reasoning import details_of, shown_text
from freehold.wire.openai_chat.stops import word_of
from freehold.wire.openai_chat.usage import written_usage
from freehold.wire.sealing import seal

_SPOKEN_FOR = 3600
"""Seconds for which a spoken answer can be named by its id, where the provider does not say."""


def encode_answer(answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
    """The body."""
    same = answer.dialect == NAME
    if same and stand_beside(answer.extra):
        answer = _without_sources(answer)
    body: Written = {
        "id": answer_id(answer.id if same else None, addressee),
        "object": "chat.completion",
        "created": answer.created or addressee.created,
        "model": answer.model or addressee.request.model,
    }
    body["choices"] = [
        _choice(number, choice, addressee, losses, same_dialect=same)
        for number, choice in enumerate(
            answer.choices or [Choice()]
        )  # clients take the first without looking
    ]
    usage = written_usage(answer.usage, answer.raw_usage, losses, same_dialect=same)
    if usage is not None:
        body["usage"] = usage
    tier = tier_of(answer.service_tier, losses, same_dialect=same)
    if tier is not None:
        body["service_tier"] = tier
    if answer.fingerprint is not None:
        body["system_fingerprint"] = answer.fingerprint
    put_extra(body, answer.extra, losses, same_dialect=same, loss="answer")
    return encode(body)


_TIERS = {tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast")} | {
    "standard": "default",  # Anthropic's and Gemini's word
}


def tier_of(tier: str | None, losses: Losses, *, same_dialect: bool) -> str | None:
    """The service tier; another dialect's in the word that clients know, and a loss where there is none."""
    if tier is None or same_dialect:
        return tier
    if tier not in _TIERS:
        losses.add("service_tier")
    return _TIERS.get(tier)


def _without_sources(answer: Answer) -> Answer:
    """The texts without the sources that are in `extra` as well."""
    answer = msgspec.structs.replace(answer, choices=list(answer.choices))
    for at, choice in enumerate(answer.choices):
        parts = [_without_source(part) for part in choice.parts]
        answer.choices[at] = msgspec.structs.replace(choice, parts=parts)
    return answer


def _without_source(part: Part) -> Part:
    if not isinstance(part, Text):
        return part
    return msgspec.structs.replace(part, citations=[one for one in part.citations if one.start is not None])


def answer_id(own: str | None, addressee: Addressee) -> str:
    """The provider's own id within the dialect, else one made of the call's."""
    return own or f"chatcmpl-{addressee.id.removeprefix('call_')}"


def _choice(
    number: int, choice: Choice, addressee: Addressee, losses: Losses, *, same_dialect: bool
) -> Written:
    written: Written = {
        "index": number,
        "message": _message(choice.parts, addressee, losses, same_dialect=same_dialect),
        "logprobs": None if choice.logprobs is None else msgspec.Raw(choice.logprobs),
        "finish_reason": None,
    }
    if choice.stop is not None:
        legacy = addressee.request.legacy
        written["finish_reason"] = word_of(choice.stop, losses, same_dialect=same_dialect, legacy=legacy)
    put_extra(written, choice.extra, losses, same_dialect=same_dialect, inner="message", loss="answer")
    return written


def _message(parts: list[Part], addressee: Addressee, losses: Losses, *, same_dialect: bool) -> Written:
    message: Written = {"role": "assistant", "content": None, "refusal": None}
    texts = [part for part in parts if isinstance(part, Text)]
    if texts:
        message["content"] = "".join(part.text for part in texts)
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    if refusals:
        message["refusal"] = "".join(refusals)
    _put_reasoning(
        message, [part for part in parts if isinstance(part, Reasoning)], same_dialect=same_dialect
    )
    _put_about_texts(message, texts, losses, same_dialect=same_dialect)
    for part in parts:
        if isinstance(part, Media):
            _put_media(message, part, addressee, losses)
        elif not isinstance(part, Text | Refusal | Reasoning | ToolCall):
            losses.add("answer", getattr(part, "kind", type(part).__name__))
        lose_extra(part, losses, same_dialect=same_dialect)
    _put_calls(
        message,
        [part for part in parts if isinstance(part, ToolCall)],
        addressee.request,
        losses,
        same_dialect=same_dialect,
    )
    return message


def lose_extra(part: Part, losses: Losses, *, same_dialect: bool) -> None:
    """What another dialect said about the part besides."""
    if not same_dialect:
        for name in getattr(part, "extra", ()):
            losses.add("answer", name)


def _put_reasoning(message: Written, parts: list[Reasoning], *, same_dialect: bool) -> None:
    text = shown_text(parts)
    if text:
        message["reasoning_content"] = text
    if any(part.state is not None for part in parts):
        details: list[Written] = []
        for part in parts:
            details += details_of(part, seal, len(details), same_dialect=same_dialect)
        message["reasoning_details"] = details


def _put_about_texts(message: Written, texts: list[Text], losses: Losses, *, same_dialect: bool) -> None:
    annotations: list[Written] = []
    offset = 0
    for text in texts:
        for citation in text.citations:
            annotation = annotation_of(citation, losses, same_dialect=same_dialect, offset=offset)
            if annotation is not None:
                annotations.append(annotation)
        offset += len(text.text)
        if text.state is not None:
            if "extra_content" in message:
                losses.add("reasoning.state")
            message["extra_content"] = signed(seal(text.state))
    if annotations:
        message["annotations"] = annotations


def _put_media(message: Written, media: Media, addressee: Addressee, losses: Losses) -> None:
    if media.state is not None:
        losses.add("reasoning.state")
    if media.kind == "image" and (media.data or media.url):
        message.setdefault("images", []).append(picture_of(media))
    elif media.kind == "audio" and "audio" not in message:
        message["audio"] = spoken_answer(media, addressee)
    else:
        losses.add("answer", media.kind)


def spoken_answer(media: Media, addressee: Addressee) -> Written:
    """A sound that the model made, with the id by which a later request may name it."""
    return {
        "id": f"audio_{addressee.id.removeprefix('call_')}",
        "expires_at": addressee.created + _SPOKEN_FOR,
        **media.extra,
        "data": media.data or "",
        "transcript": media.transcript or "",
    }


def _put_calls(
    message: Written, calls: list[ToolCall], request: ChatRequest, losses: Losses, *, same_dialect: bool
) -> None:
    if not calls:
        return
    if request.legacy:
        call = calls[0]
        message["function_call"] = {"name": call.name, "arguments": call.arguments or "{}"}
        if len(calls) > 1:
            losses.add("answer", "tool_calls")
        if call.state is not None:
            losses.add("reasoning.state")
        return
    custom = custom_tools(request)
    message["tool_calls"] = [
        written_call(as_asked(call, custom), seal, same_dialect=same_dialect) for call in calls
    ]


def custom_tools(request: ChatRequest) -> frozenset[str]:
    """The names of the request's tools that take free text."""
    return frozenset(tool.name for tool in request.tools if isinstance(tool, Tool) and tool.custom)


def as_asked(call: ToolCall, custom: frozenset[str]) -> ToolCall:
    """The call of a tool that takes free text, which a provider was told of as a function: its text again."""
    if call.custom or call.name not in custom:
        return call
    try:
        held = msgspec.json.decode(call.arguments, type=dict[str, str])
    except msgspec.DecodeError:
        held = {}
    return msgspec.structs.replace(call, custom=True, arguments=held.get("input", call.arguments))
