"""Answers in a given form from a model whose provider cannot be asked for one: instruct, check, and ask once more.

Pure but for the asking, which the caller does: send `instructed(request)`, `check` the text that comes, and where that
finds a problem send `repair(…)`, once. What the client gets is `cleaned(text)`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.engine.schema.validation import Undecided, problem_with

MOST_SCHEMA_BYTES = 256 * 1024
MOST_SCHEMA_DEPTH = 64
MOST_SHOWN_PROBLEM = 500
_MOST_STARTS = 20
"""Brackets in a text at which a JSON value is looked for."""
_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\r?\n(.*?)```", re.DOTALL)
_MOST_FENCES = 20
_ONLY_JSON = (
    "Answer with one JSON value and nothing else: no introduction, no explanation, no comments, "
    "no code fence around it."
)
_BESIDE_TOOLS = "This is about your answer to the user; call tools as usual when you need them."

_read_strictly = msgspec.json.Decoder().decode
_read_first = json.JSONDecoder().raw_decode


def instructed(request: ChatRequest) -> ChatRequest:
    """The request with the wanted form in words, in a system message behind the others at its beginning.

    Raises BadRequest for a schema that is not JSON, too large or too deep.
    """
    wish = request.response_format
    if wish is None:
        return request
    if wish.kind == "text":
        return msgspec.structs.replace(request, response_format=None)
    words = Message(role="system", parts=[Text(text=_words(wish, tools=bool(request.tools)))], plain=True)
    messages = request.messages
    at = next(
        (at for at, one in enumerate(messages) if one.role not in ("system", "developer")), len(messages)
    )
    return msgspec.structs.replace(
        request, response_format=None, messages=[*messages[:at], words, *messages[at:]]
    )


def _words(wish: ResponseFormat, *, tools: bool) -> str:
    lines = [_ONLY_JSON]
    if wish.schema is None:
        lines.append("The value has to be a JSON object.")
    else:
        _check_schema(wish.schema)
        named = f" for `{wish.name}`" if wish.name else ""
        lines.append(f"The value{named} has to be valid against this JSON Schema:\n{wish.schema.decode()}")
    if wish.description:
        lines.append(f"What it is for: {wish.description}")
    if tools:
        lines.append(_BESIDE_TOOLS)
    return "\n\n".join(lines)


def _check_schema(schema: bytes) -> None:
    if len(schema) > MOST_SCHEMA_BYTES:
        raise _unfit(f"is larger than {MOST_SCHEMA_BYTES} bytes")
    try:
        value = _read_strictly(schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unfit("is not valid JSON") from None
    if not isinstance(value, dict | bool):
        raise _unfit("is not an object")
    level: list[Any] = [value]
    for _ in range(MOST_SCHEMA_DEPTH):
        level = [inner for one in level for inner in _inner(one)]
        if not level:
            return
    raise _unfit(f"is deeper than {MOST_SCHEMA_DEPTH} levels")


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _unfit(problem: str) -> BadRequest:
    return BadRequest(f"The JSON Schema of the answer {problem}.", param="response_format")


def check(text: str, schema: bytes | None) -> str | None:
    """What is wrong with a model's answer, in words for the model; None for nothing. Without a schema: any JSON object.

    What a schema leaves undecided (too much work, references to elsewhere) counts as good: no other answer would help.
    """
    bare = cleaned(text)
    if not bare:
        return "the answer is empty"
    try:
        value = _read_strictly(bare)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return f"the answer is not valid JSON: {error}"[:MOST_SHOWN_PROBLEM]
    if schema is None:
        return None if isinstance(value, dict) else "the answer is JSON, but no object"
    try:
        problem = problem_with(value, _read_strictly(schema))
    except (Undecided, RecursionError, msgspec.DecodeError, UnicodeError):
        return None
    return None if problem is None else problem[:MOST_SHOWN_PROBLEM]


def cleaned(text: str) -> str:
    """The JSON in a model's answer without what is around it; the text itself, stripped, where there is none."""
    stripped = text.strip().removeprefix("\ufeff").strip()
    if _is_json(stripped):
        return stripped
    for fence in islice(_FENCE.finditer(stripped), _MOST_FENCES):
        inside = fence[1].strip()
        if inside[:1] in ("{", "[") and _is_json(inside):
            return inside
    # What a model says before and after it may hold brackets too, but hardly longer ones.
    return max(_values_in(stripped), key=len, default=stripped)


def _is_json(text: str) -> bool:
    try:
        _read_strictly(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _values_in(text: str) -> Iterator[str]:
    """Objects and lists in the text, from left to right."""
    at = 0
    for _ in range(_MOST_STARTS):
        start = min((found for bracket in "{[" if (found := text.find(bracket, at)) >= 0), default=-1)
        if start < 0:
            return
        try:
            _, at = _read_first(text, start)
        except (ValueError, RecursionError):
            at = start + 1
            continue
        yield text[start:at]


def repair(request: ChatRequest, answer: str, problem: str) -> ChatRequest:
    """One further turn: what the model said, what is wrong with it, and the wish for it to be mended.

    `request` is the instructed one.
    """
    said = [Message(role="assistant", parts=[Text(text=answer)], plain=True)] if answer.strip() else []
    wish = Message(
        role="user",
        parts=[
            Text(text=f"That cannot be used: {problem}. Answer again, with the corrected JSON value alone.")
        ],
        plain=True,
    )
    return msgspec.structs.replace(request, messages=[*request.messages, *said, wish])
