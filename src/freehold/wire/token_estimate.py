"""About how many tokens a request has, where nobody who knows can be asked.

No tokenizer: those of most providers are not public, and none is right for all. Words, numbers, signs and letters of
other scripts are counted with weights that were fitted to recorded requests of several providers, whose usage is
known; `docs/token-counts.md` says how far off it is.
"""

from __future__ import annotations

import re

from freehold.core.parts import Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, HostedTool

_PIECES = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<number>[0-9]+)|(?P<wide>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])"
    r"|(?P<other>[^\W\d_\x00-\x7f]+)|(?P<break>\n+)|(?P<sign>[^\w\s]|_)"
)

WORD_LETTERS = 7
"""A word of up to so many letters is one token, a longer one another for each further so many."""
NUMBER_DIGITS = 3
OTHER_LETTERS = 2.5
SIGN = 0.75
BREAK = 1.0
WIDE = 0.9
PER_MESSAGE = 4
PER_TOOL = 12
PER_REQUEST = 3
SCHEMA = 0.7
"""Providers put a JSON Schema before the model in a shorter form."""
PICTURE = 800
"""Tokens of a picture, whose size is not looked at."""
DATA_BYTES_PER_TOKEN = 300
"""Of sound, films and documents, by the length of their base64."""


def estimated_tokens(request: ChatRequest) -> int:
    """About how many tokens the request's prompt has."""
    total = float(PER_REQUEST)
    for message in request.messages:
        total += PER_MESSAGE + sum(_of_part(part) for part in message.parts)
    for tool in request.tools:
        total += PER_TOOL
        if isinstance(tool, HostedTool):
            continue
        total += tokens_in(f"{tool.name} {tool.description or ''}") + _of_json(tool.schema)
    if request.response_format is not None:
        total += _of_json(request.response_format.schema)
    return max(1, round(total))


def _of_part(part: Part) -> float:
    if isinstance(part, Text | Refusal):
        return tokens_in(part.text)
    if isinstance(part, Reasoning):
        return tokens_in(part.text) or sum(tokens_in(one) for one in part.summary)
    if isinstance(part, ToolCall):
        return PER_MESSAGE + tokens_in(part.name) + tokens_in(part.arguments)
    if isinstance(part, ToolResult):
        return PER_MESSAGE + sum(_of_part(one) for one in part.content)
    if isinstance(part, Media):
        return _of_media(part)
    return tokens_in(part.raw.decode(errors="replace"))


def _of_media(part: Media) -> float:
    if part.text is not None:
        return tokens_in(part.text)
    if part.kind == "image" or part.data is None:
        return PICTURE
    return max(PICTURE, len(part.data) / DATA_BYTES_PER_TOKEN)


def _of_json(schema: bytes | None) -> float:
    return 0.0 if schema is None else SCHEMA * tokens_in(schema.decode(errors="replace"))


def tokens_in(text: str) -> float:
    """About how many tokens the text has."""
    total = 0.0
    for found in _PIECES.finditer(text):
        kind = found.lastgroup
        size = found.end() - found.start()
        if kind == "word":
            total += -(-size // WORD_LETTERS)
        elif kind == "number":
            total += -(-size // NUMBER_DIGITS)
        elif kind == "wide":
            total += WIDE
        elif kind == "other":
            total += max(1.0, size / OTHER_LETTERS)
        else:
            total += BREAK if kind == "break" else SIGN
    return total
