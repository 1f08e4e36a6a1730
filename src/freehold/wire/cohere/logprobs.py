"""Log-probabilities as Cohere has them, put in OpenAI's form."""

from __future__ import annotations

import msgspec


class _Item(msgspec.Struct):
    text: str | None = None
    logprobs: list[float] | None = None


_decode_one = msgspec.json.Decoder(_Item).decode
_decode_all = msgspec.json.Decoder(list[_Item]).decode


def of_answer(raw: bytes) -> bytes | None:
    """`{"content": […]}`. Raises msgspec.DecodeError."""
    return _content(_decode_all(raw))


def of_piece(raw: bytes) -> bytes | None:
    """The same for one piece of a stream."""
    return _content([_decode_one(raw)])


def _content(items: list[_Item]) -> bytes | None:
    """A piece of several tokens counts as one: it is as likely as all of them after one another."""
    content = [
        {
            "token": item.text or "",
            "logprob": sum(item.logprobs),
            "bytes": list((item.text or "").encode("utf-8", "replace")),
            "top_logprobs": [],
        }
        for item in items
        if item.logprobs
    ]
    return msgspec.json.encode({"content": content}) if content else None
