"""The most that a request can use: an upper bound, found without a tokenizer.

Text has no more tokens than bytes: every tokenizer in use falls back to bytes, and merges them. So the bytes of the
request's JSON are a bound on its text; what a template puts between messages is shorter than the JSON around
them. Pictures, sound, films and documents are reckoned by a table, which is declared and not proven; what turns out to
be more is charged all the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.parts import Media, Part, ToolResult
from freehold.core.request import ChatRequest
from freehold.limits.subject import Worst
from freehold.wire.request import Request

MEDIA_TOKENS = {"image": 6_000, "audio": 40_000, "video": 250_000, "document": 100_000}
"""Of one that is named by URL or by an id, so that nobody here knows its size; of pictures always."""
BYTES_PER_TOKEN = {"audio": 24, "video": 16, "document": 1}
"""Of one whose content is here: fewer bytes make a token in no format in use."""
TOOL_PROMPT = 1_024
"""What providers put before the model when there are tools, beside their descriptions."""
FORM_PROMPT = 384
"""What Freehold puts there when an answer is to have a form that its model can only be asked for in words. The form
itself is in the request.
"""
BEGINNING = 64
"""What they put there in any case."""
KEPT_TOKENS = {
    "gemini": {"cachedContent": 1_000_000, "cached_content": 1_000_000},
    "openai-responses": {"prompt": 100_000},
}
"""Of what the provider keeps and the request only names, in a field of a dialect: a cache, a template."""

MOST_TOKENS = 1_000_000_000
"""Of one call; whoever says more means no bound."""
_MOST_ANSWERS = 10_000

_names_media = re.compile(rb'"(?:image|audio|video|file|document|input_|inline|media)').search
"""How the names and kinds of media begin, in every dialect. In a text the quotes are escaped."""
_escapes_letters = re.compile(rb"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA]|5[fF])").search
"""Nobody has to escape letters; whoever does may write these words so."""
_SAID_IN = frozenset({"messages", "contents", "input", "system", "systemInstruction", "system_instruction"})
_TOOL_FIELDS = frozenset({"tools", "functions", "toolConfig", "tool_config"})
_FORM_FIELDS = frozenset(
    {"response_format", "text", "output_format", "output_config", "generationConfig", "generation_config"}
)

_GEMINI_SETTINGS = ("generationConfig", "generation_config")
_NOT_SAID = 0

_decode_number = msgspec.json.Decoder(int | float | str | None).decode
_decode_fields = msgspec.json.Decoder(Fields).decode


def worst_of(request: Request, *, writes: bool) -> Worst:
    """The worst case of a request. `writes`: the answer is written by the model, as with chat."""
    fields = request.fields
    size = sum(map(len, fields.values()))
    extra = (
        BEGINNING
        + (0 if _TOOL_FIELDS.isdisjoint(fields) else TOOL_PROMPT)
        + (0 if _FORM_FIELDS.isdisjoint(fields) else FORM_PROMPT)
        + _kept_in(request)
    )
    if not writes:
        return Worst(size + extra, 0)
    most, times = _most_written(request)
    output = None if most is None else min(most * times, MOST_TOKENS)
    if not _may_hold_media(request):
        return Worst(size + extra, output, times)
    try:
        decoded = request.decoded()
    except BadRequest:  # a provider may know better what it is; the bytes are a bound on its text
        return Worst(size + extra, output, times)
    raw, tokens = _media_in(decoded)
    return Worst(max(0, size - raw) + tokens + extra, output, times)


def _may_hold_media(request: Request) -> bool:
    for name, raw in request.fields.items():
        if name in _SAID_IN:
            said = bytes(raw)
            if _names_media(said) or _escapes_letters(said):
                return True
    return False


def _kept_in(request: Request) -> int:
    """Tokens of what the provider keeps and the request names."""
    kept = KEPT_TOKENS.get(request.dialect)
    if kept is None:
        return 0
    return sum(most for name, most in kept.items() if not _is_null(request.fields.get(name)))


def _is_null(raw: msgspec.Raw | None) -> bool:
    return raw is None or bytes(raw) == b"null"


def _media_in(request: ChatRequest) -> tuple[int, int]:
    """Bytes of the request that are media, and the tokens that those are reckoned at."""
    raw = tokens = 0
    for message in request.messages:
        for part in _parts(message.parts):
            if not isinstance(part, Media) or part.text is not None:
                continue
            size = 0 if part.data is None else len(part.data)
            raw += size
            per_token = BYTES_PER_TOKEN.get(part.kind)
            if per_token is None or not size:
                tokens += MEDIA_TOKENS[part.kind]
            else:
                tokens += size // per_token + 1_000
    return raw, tokens


def _parts(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from _parts(part.content)


def _most_written(request: Request) -> tuple[int | None, int]:
    """`max_tokens` by whatever name, None where it is not said; and how many answers are asked for at once."""
    fields = request.fields
    most: float = _NOT_SAID
    times: float = _NOT_SAID
    if request.dialect == "gemini":
        for name in _GEMINI_SETTINGS:
            if name in fields:
                inner = _fields_of(fields[name])
                most = max(most, _number(inner, ("maxOutputTokens", "max_output_tokens")))
                times = max(times, _number(inner, ("candidateCount", "candidate_count")))
    elif request.dialect == "openai-responses":
        most = _number(fields, ("max_output_tokens",))
    elif request.dialect == "anthropic-messages":
        most = _number(fields, ("max_tokens",))
    else:
        most = _number(fields, ("max_completion_tokens", "max_tokens"))
        times = _number(fields, ("n", "best_of"))
    if times == math.inf:
        times = _MOST_ANSWERS  # a provider may make something of it
    bound = None if most in (_NOT_SAID, math.inf) else math.ceil(most)
    return bound, 1 if times <= 1 else min(math.ceil(times), _MOST_ANSWERS)


def _number(fields: Fields, names: tuple[str, ...]) -> float:
    """The largest of those that are there: which one a provider heeds is its own affair. Many take a number with a
    point, or in quotes, for the same one. What is none, or is below zero, may mean anything: infinity.
    """
    found: float = _NOT_SAID
    for name in names:
        if name in fields:
            said = _read_number(fields[name])
            found = max(found, said)
    return found


def _read_number(raw: msgspec.Raw) -> float:
    try:
        said = _decode_number(raw)
        if type(said) is int:
            return said if said >= 0 else math.inf
        number = float(said or 0)
    except (msgspec.DecodeError, ValueError):
        return math.inf
    return number if number >= 0 else math.inf  # nor is what is no number


def _fields_of(raw: msgspec.Raw) -> Fields:
    try:
        return _decode_fields(raw)
    except msgspec.DecodeError:
        return {}
