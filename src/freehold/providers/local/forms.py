"""The form that an answer is to have, as far as it may be asked of a model that others wait for, too.

llama.cpp reads a grammar in the one thread that works for all requests, and the time it takes grows with the square of
how deep brackets are nested, or faster: what no form needs is refused before it gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from freehold.core.errors import BadRequest

FORMS = ("grammar", "response_format", "json_schema")
"""Fields of a request that hold its answer to a form."""
_LONGEST = 128 * 1024
"""Characters of a grammar, or bytes of a schema."""
_DEEPEST = 64
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|#[^\n]*', re.DOTALL)
_BRACKET = re.compile(r"[()]")


def check_forms(fields: Mapping[str, msgspec.Raw]) -> None:
    """Raises BadRequest for a grammar or a schema that is too long or too deep."""
    for name in FORMS:
        if name in fields and len(bytes(fields[name])) > _LONGEST:
            raise _refusal(name, f"is longer than {_LONGEST:,} bytes")
    if "grammar" in fields:
        grammar = msgspec.json.decode(fields["grammar"])
        if isinstance(grammar, str) and _brackets(grammar) > _DEEPEST:
            raise _refusal("grammar", f"has brackets in more than {_DEEPEST} others")
    for name in FORMS[1:]:
        if name in fields and _depth(msgspec.json.decode(fields[name])) > 4 * _DEEPEST:
            raise _refusal(name, f"is nested more than {4 * _DEEPEST} deep")


def _brackets(grammar: str) -> int:
    deepest = depth = 0
    for bracket in _BRACKET.finditer(_LITERAL.sub("", grammar)):
        depth += 1 if bracket[0] == "(" else -1
        deepest = max(deepest, depth)
    return deepest


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [one for value in level for one in _within(value)]
    return deepest


def _within(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refusal(name: str, why: str) -> BadRequest:
    return BadRequest(f"`{name}` {why}.", hint="Ask for a simpler form of the answer.", param=name)
