"""The signs of a chat template in what people write: `<|im_end|>` in a question is text, and ends no turn.

llama.cpp reads them as the template's own wherever they stand, so that a user, or a page that a tool has fetched, could
speak as the system does. A character without width within them makes them text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

UNTRUSTED = frozenset({"user", "tool", "function"})
"""Roles of which the words may be anybody's."""
_LIKE_A_SIGN = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]{2,24}\]")
_MOST = 64
_APART = "\u200b"


def signs_in(template: str) -> list[str]:
    """What may be signs in a chat template, each once."""
    return list(dict.fromkeys(_LIKE_A_SIGN.findall(template)))[:_MOST]


def quoted(message: dict[str, Any], signs: Sequence[str]) -> dict[str, Any]:
    """A message of a request, with its signs made text where anybody may have written them."""
    content = message.get("content")
    if message.get("role") not in UNTRUSTED or not content:
        return message
    if isinstance(content, str):
        return {**message, "content": _quoted(content, signs)}
    parts = [{**part, "text": _quoted(part["text"], signs)} if part.get("text") else part for part in content]
    return {**message, "content": parts}


def _quoted(text: str, signs: Sequence[str]) -> str:
    for sign in signs:
        text = text.replace(sign, f"{sign[0]}{_APART}{sign[1:]}")
    return text
