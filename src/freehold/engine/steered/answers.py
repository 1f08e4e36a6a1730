"""What an answer that a client was given can be recognised by in its next request: the tool calls in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from freehold.engine.conversation_history import described, is_unique

_MOST_BYTES = 1_000_000
_MOST_CALLS = 64
_HAS_CALLS = (b"tool_call", b"tool_use", b"function_call", b"functionCall")
_ID = re.compile(rb'"(?:id|call_id)" ?: ?"([!#-\[\]-~]{9,200})"')


def calls_in(answer: bytes | None, dialect: str, before: bytes) -> list[str]:
    """What the tool calls in an answer, whole or as a stream, are recognised by, as `Answered.calls` has them.

    `before`: the digest of what was said before. Ids of other things may be among them and do no harm: nobody sends
    them back as a tool call's.
    """
    if answer is None or len(answer) > _MOST_BYTES or not any(word in answer for word in _HAS_CALLS):
        return []
    found = [one for one in dict.fromkeys(match.decode() for match in _ID.findall(answer)) if is_unique(one)]
    if dialect == "gemini":
        found += [described(before, name, arguments) for name, arguments in _calls_of_gemini(answer)]
    return found[:_MOST_CALLS]


def _calls_of_gemini(answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and arguments of each. There, one comes whole also in a stream."""
    for chunk in _chunks(answer):
        for candidate in chunk.candidates or ():
            for part in (None if candidate.content is None else candidate.content.parts) or ():
                if part.function_call is not None:
                    yield part.function_call.name, bytes(part.function_call.args)


def _chunks(answer: bytes) -> list[_Chunk]:
    try:
        if answer.startswith(b"data:"):
            return [_decode(line[5:]) for line in answer.splitlines() if line.startswith(b"data:")]
        return _decode_list(answer) if answer.startswith(b"[") else [_decode(answer)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


class _Call(msgspec.Struct):
    name: str = ""
    args: msgspec.Raw = msgspec.Raw(b"{}")


class _Part(msgspec.Struct):
    function_call: _Call | None = msgspec.field(name="functionCall", default=None)


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct):
    content: _Content | None = None


class _Chunk(msgspec.Struct):
    candidates: list[_Candidate] | None = None


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_list = msgspec.json.Decoder(list[_Chunk]).decode
