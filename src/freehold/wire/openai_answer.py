"""Whole answers in OpenAI's form: the facts that the ledger wants."""

from __future__ import annotations

import msgspec

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.facts import Facts
from freehold.wire.openai_usage import UNREADABLE, read_usage
from freehold.wire.reading import is_utf8, without_halves

ABSENT = msgspec.Raw(b"")
"""Stands for a field that did not come."""


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Chat(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: msgspec.Raw = ABSENT


class _Embeddings(msgspec.Struct):
    data: list[msgspec.Raw]
    model: str | None = None
    usage: msgspec.Raw = ABSENT


_decode_chat = msgspec.json.Decoder(_Chat).decode
_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode


def present(raw: msgspec.Raw) -> bytes | None:
    """The bytes of a field; None when it is absent or null."""
    value = bytes(raw)
    return None if value in (b"", b"null") else value


def read_chat_answer(body: bytes) -> Facts:
    """The facts of a whole chat completion. Raises NotAnAnswer."""
    if not is_utf8(body):
        raise NotAnAnswer("it is not UTF-8")
    try:
        answer = _decode_chat(body)
    except UNREADABLE:
        try:
            answer = _decode_chat(without_halves(body))
        except UNREADABLE as error:
            raise NotAnAnswer(str(error)) from None
    if not answer.choices:
        raise NotAnAnswer("it has no choices")
    raw = present(answer.usage)
    return Facts(answer.model, answer.choices[0].finish_reason, read_usage(raw), raw)


def read_embeddings_answer(body: bytes) -> Facts:
    """The facts of an embeddings answer. Raises NotAnAnswer."""
    if not is_utf8(body):
        raise NotAnAnswer("it is not UTF-8")
    try:
        answer = _decode_embeddings(body)
    except UNREADABLE as error:
        raise NotAnAnswer(str(error)) from None
    if not answer.data:
        raise NotAnAnswer("it has no data")
    raw = present(answer.usage)
    return Facts(answer.model, None, read_usage(raw, embeddings=True), raw)
