"""A whole generateContent answer into the internal form."""

from __future__ import annotations

import calendar
import re
import time

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.fields import Fields
from freehold.core.parts import Citation, Part, Text, ToolCall
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.gemini.citations import cited, in_characters
from freehold.wire.gemini.fields import NAME, Camel
from freehold.wire.gemini.ids import Calls
from freehold.wire.gemini.logprobs import logprobs_in
from freehold.wire.gemini.parts_in import part_in
from freehold.wire.gemini.ruler import Ruler
from freehold.wire.gemini.stops import blocked, stop_in
from freehold.wire.gemini.usage import metadata_of, tier_in, usage_in
from freehold.wire.reading import Unreadable, need_utf8

_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")
MOST_CHOICES = 128
_MARKS = ("candidates", "promptFeedback", "usageMetadata", "responseId", "modelVersion")


def decode_answer(body: bytes) -> Answer:
    """Raises NotAnAnswer."""
    try:
        return _answer_in(Camel(need_utf8(body)))
    except Unreadable as error:
        raise NotAnAnswer(str(error)) from None


def _answer_in(body: Camel) -> Answer:
    if not any(body.has(name) for name in _MARKS):
        raise Unreadable("", "holds neither candidates nor why there are none")
    answer = Answer(
        id=body.take("responseId", str),
        model=body.take("modelVersion", str),
        dialect=NAME,
        created=created_in(body),
    )
    answer.raw_usage = body.take_raw("usageMetadata")
    metadata = metadata_of(answer.raw_usage)
    if metadata is not None:
        answer.usage = usage_in(metadata)
    answer.service_tier = tier_in(metadata)
    answer.choices = choices_in(body.take_many("candidates"), answer.id or "")
    if not answer.choices and (reason := block_reason(body)) is not None:
        answer.choices = [Choice(stop=blocked(reason))]
    answer.extra = body.rest()
    return answer


def created_in(body: Camel) -> int | None:
    """`createTime` in seconds since 1970."""
    found = _SECONDS.fullmatch(body.take("createTime", str) or "")
    if found is None:
        return None
    try:
        return calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    except (ValueError, OverflowError):
        return None


def block_reason(body: Camel) -> str | None:
    """Why the prompt was not let through; `promptFeedback` itself stays among the extras."""
    raw = body.rest().get("promptFeedback")
    return None if raw is None else Camel(raw, body.place("promptFeedback")).take_enum("blockReason")


def choices_in(candidates: list[Camel], seed: str) -> list[Choice]:
    """The candidates, each in its place."""
    if len(candidates) > MOST_CHOICES:
        raise Unreadable("candidates", f"holds more than {MOST_CHOICES}")
    found: dict[int, Choice] = {}
    free = 0
    for candidate in candidates:
        index = candidate.take_whole("index")
        if index is None or not 0 <= index < len(candidates) or index in found:
            while free in found:
                free += 1
            index = free  # zero is often left out
        found[index] = _choice_in(candidate, seed if index == 0 else f"{seed}/{index}")
    return [found[number] for number in range(len(candidates))]


def _choice_in(candidate: Camel, seed: str) -> Choice:
    content = candidate.take_object("content")
    calls = Calls(seed)
    parts = (
        [] if content is None else [part_in(part, calls, client=False) for part in content.take_many("parts")]
    )
    word = candidate.take_enum("finishReason")
    logprobs = candidate.take_raw("logprobsResult")
    extra = candidate.rest()
    _cite(parts, extra)
    return Choice(
        parts=parts,
        stop=None if word is None else stop_in(word, calls=any(isinstance(part, ToolCall) for part in parts)),
        logprobs=None if logprobs is None else logprobs_in(logprobs),
        extra=extra,
    )


def _cite(parts: list[Part], extra: Fields) -> None:
    """Puts citations on the texts that they are about; both objects stay among the extras, as they say more."""
    texts = [part for part in parts if isinstance(part, Text) and part.text]
    found: dict[int, tuple[Text, Ruler, list[Citation]]] = {}
    for at, citation in cited(_raw(extra, "groundingMetadata"), _raw(extra, "citationMetadata")):
        part = parts[at] if at is not None and 0 <= at < len(parts) else None
        if not isinstance(part, Text):
            if not texts:
                break
            part = texts[0]
        if id(part) not in found:
            found[id(part)] = (part, Ruler(part.text), [])
        _, ruler, citations = found[id(part)]
        citations.append(in_characters(citation, ruler))
    for part, _, citations in found.values():
        part.citations = [*part.citations, *citations]


def _raw(extra: Fields, name: str) -> msgspec.Raw | None:
    return extra.get(name)
