"""How sure one may be of an answer: by its form, by its tokens' probabilities, by what is said when asked again."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.parts import Refusal, Text, ToolCall
from freehold.core.request import ChatRequest, Tool
from freehold.engine.schema.validation import Undecided, problem_with
from freehold.engine.structured import check
from freehold.routing.policies.cascade import Found

_DECLINED = ("refusal", "content_filter")
_BROKEN = ("error", "pause")
_WORD = re.compile(r"\w+")
_MOST_WORDS = 20_000
_LEAST_LOGPROB = -1000.0
"""Nothing is less likely."""

_decode = msgspec.json.Decoder().decode


class _Token(msgspec.Struct, frozen=True):
    logprob: float | None = None


class _LogProbs(msgspec.Struct, frozen=True):
    content: list[_Token] | None = None


_decode_logprobs = msgspec.json.Decoder(_LogProbs).decode


def problem_of(answer: Answer, asked: ChatRequest) -> Found | None:
    """What is wrong with an answer whatever it says; None for nothing."""
    if not answer.choices:
        return "broken off"
    for choice in answer.choices:
        reason = None if choice.stop is None else choice.stop.reason
        if reason in _DECLINED or any(isinstance(part, Refusal) for part in choice.parts):
            return "refused"
        if reason in _BROKEN:
            return "broken off"
        if reason == "malformed_tool_call" or not all(
            _is_called_well(one, asked) for one in _calls_in(choice)
        ):
            return "wrong arguments"
        if has_form(asked) and not _calls_in(choice) and not _is_in_form(choice, asked):
            return "not in form"
    return None


def has_form(asked: ChatRequest) -> bool:
    """Whether the request says in which form the answer has to be."""
    return asked.response_format is not None and asked.response_format.kind != "text"


def calls_tools(answer: Answer) -> bool:
    """Whether the answer calls tools of the client."""
    return any(_calls_in(choice) for choice in answer.choices)


def mean_probability(pieces: Sequence[bytes]) -> float | None:
    """The geometric mean of the tokens' probabilities, from 0 to 1; `pieces`: log-probabilities in OpenAI's form.

    None: there are none, or what there is cannot be understood.
    """
    known: list[float] = []
    try:
        for piece in pieces:
            known += [one.logprob for one in _decode_logprobs(piece).content or () if one.logprob is not None]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not known or not all(map(math.isfinite, known)):
        return None
    # No token is surer than sure, whatever its provider says: one of these shall not make up for others.
    return math.exp(math.fsum(max(_LEAST_LOGPROB, min(0.0, one)) for one in known) / len(known))


def agreement(first: Answer, others: Sequence[Answer]) -> float | None:
    """How much of what was said first is said again, from 0 to 1: the mean over the `others`; None: there are none."""
    if not others:
        return None
    return math.fsum(likeness(first, other) for other in others) / len(others)


def likeness(one: Answer, other: Answer) -> float:
    """How alike two answers are: 1 for the same calls of tools, the same JSON or the same words, 0 for none of them."""
    mine, theirs = _calls_of(one), _calls_of(other)
    if mine or theirs:
        return float(mine == theirs)
    said, also = _text_of(one), _text_of(other)
    values = _json_in(said), _json_in(also)
    if values[0] is not None and values[1] is not None:
        return float(values[0] == values[1])
    words, others = (Counter(_WORD.findall(text.casefold())[:_MOST_WORDS]) for text in (said, also))
    if not words or not others:
        return float(said.strip() == also.strip())
    return (words & others).total() / (words | others).total()


def _calls_in(choice: Choice) -> list[ToolCall]:
    return [part for part in choice.parts if isinstance(part, ToolCall)]


def _is_called_well(call: ToolCall, asked: ChatRequest) -> bool:
    tool = next((one for one in asked.tools if isinstance(one, Tool) and one.name == call.name), None)
    if tool is None:
        return False
    if call.custom or tool.custom:
        return True
    try:
        value = _decode(call.arguments.encode() or b"{}")
        return isinstance(value, dict) and problem_with(value, _decode(tool.schema or b"{}")) is None
    except Undecided:
        return True  # too much work to know: no other answer would help
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _is_in_form(choice: Choice, asked: ChatRequest) -> bool:
    wish = asked.response_format
    assert wish is not None
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    return check(text, wish.schema) is None


def _text_of(answer: Answer) -> str:
    parts = answer.choices[0].parts if answer.choices else []
    return "".join(part.text for part in parts if isinstance(part, Text))


def _calls_of(answer: Answer) -> list[tuple[str, Any]]:
    calls = _calls_in(answer.choices[0]) if answer.choices else []
    return [(one.name, _json_in(one.arguments) or one.arguments) for one in calls]


def _json_in(text: str) -> Any:
    """The value of a text that is JSON; None for any other, and for what says as much as a word."""
    try:
        value = _decode(text.strip().encode(errors="surrogatepass"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None
