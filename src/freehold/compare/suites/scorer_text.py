"""Scorers as people write them: `exact`, `numeric:tolerance=0.01`, `rubric-judge:model=openai/gpt-4o,rubric="…"`."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from freehold.compare.case import ScorerSettings
from freehold.core.errors import BadRequest

_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_-]*)\s*=\s*")
_BEGINS_JSON = ('"', "[", "{")
_json = JSONDecoder()


def read_scorer(text: str) -> ScorerSettings:
    """The scorer of a command line. Values are JSON where they are some, else text up to the next comma.

    Raises BadRequest.
    """
    kind, colon, rest = text.partition(":")
    kind = kind.strip()
    if not kind or (colon and not rest.strip()):
        raise _unreadable(text)
    settings: dict[str, Any] = {}
    while rest:
        named = _NAME.match(rest)
        if named is None:
            raise _unreadable(text)
        if named[1] in settings:
            raise BadRequest(f"`{named[1]}` is there twice in the scorer `{text}`.")
        settings[named[1]], rest = _value(rest[named.end() :], text)
    return ScorerSettings(kind=kind, settings=msgspec.Raw(msgspec.json.encode(settings)))


def _value(rest: str, text: str) -> tuple[Any, str]:
    """A value, and what is behind the comma after it."""
    if rest.startswith(_BEGINS_JSON):
        try:
            value, end = _json.raw_decode(rest)
        except JSONDecodeError as error:
            raise BadRequest(f"A value in the scorer `{text}` is not JSON: {error.msg}.") from None
        rest = rest[end:].lstrip()
        if rest and not rest.startswith(","):
            raise _unreadable(text)
        return value, rest[1:]
    word, _, rest = rest.partition(",")
    word = word.strip()
    try:
        # Only what JSON writes without quotes: numbers, true, false, null.
        return msgspec.json.decode(word), rest
    except msgspec.DecodeError:
        return word, rest


def write_scorer(scorer: ScorerSettings) -> str:
    """The scorer as `read_scorer` reads it."""
    settings = msgspec.json.decode(scorer.settings, type=dict[str, Any])
    told = ",".join(f"{name}={_written(value)}" for name, value in settings.items())
    return f"{scorer.kind}:{told}" if told else scorer.kind


def _written(value: Any) -> str:
    plain = (
        isinstance(value, str) and re.fullmatch(r"[\w/.@-]+(?: [\w/.@-]+)*", value) and not _is_json(value)
    )
    return str(value) if plain else msgspec.json.encode(value).decode()


def _is_json(value: str) -> bool:
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


def _unreadable(text: str) -> BadRequest:
    return BadRequest(
        f"`{text}` is no scorer.",
        hint="Write `KIND` or `KIND:setting=value,setting=value`: `exact`, `rubric-judge:model=openai/gpt-4o`.",
    )
