"""What OpenAPI's schemas, which Gemini takes, say in their own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.wire.schema_reading import WORDS, JsonSchema, inferred, kinds_of

Lose = Callable[[str, Any], None]
"""Is told a keyword that cannot be kept, and its value."""
_ABSENT: Any = object()


def in_open_api(adapted: JsonSchema, kinds: list[str], lose: Lose) -> JsonSchema:
    """A schema of one or more types: a single type in capitals, or a choice, and `nullable`."""
    _numbers(adapted, kinds, lose)
    constant = adapted.pop("const", _ABSENT)
    choices = [constant] if constant is not _ABSENT else adapted.pop("enum", _ABSENT)
    keyword = "enum" if constant is _ABSENT else "const"
    if choices is not _ABSENT:
        texts = _texts(choices)
        if texts and (not kinds or {"string"} <= set(kinds) <= {"string", "null"}):
            kinds = ["string", *(["null"] if None in choices and (not kinds or "null" in kinds) else [])]
            adapted["enum"] = texts
        else:
            kinds = kinds or kinds_of(choices)
            lose(keyword, choices)
    nullable = "null" in kinds and len(kinds) > 1
    plain = [kind.upper() for kind in kinds if kind != "null" or not nullable]
    if len(plain) == 1:
        adapted["type"] = plain[0]
    else:
        adapted = _several(adapted, plain)
    if nullable:
        adapted["nullable"] = True
    return adapted


def _several(adapted: JsonSchema, kinds: list[str]) -> JsonSchema:
    """A choice of schemas, one for each type, each with the keywords of its type."""
    words = {key: value for key, value in adapted.items() if key in WORDS}
    rest = {key: value for key, value in adapted.items() if key not in WORDS and key != "type"}
    variants = []
    for kind in kinds:
        mine = {key: value for key, value in rest.items() if inferred({key: 0}) in (kind.lower(), None)}
        if kind == "INTEGER":
            mine |= {key: value for key, value in rest.items() if inferred({key: 0}) == "number"}
        variants.append({"type": kind, **mine})
    return {**words, "anyOf": variants}


def _numbers(adapted: JsonSchema, kinds: list[str], lose: Lose) -> None:
    """Bounds that are not met themselves, as bounds that are: with whole numbers that is the same."""
    for keyword, plain, step in (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)):
        bound = adapted.pop(keyword, None)
        if bound is None:
            continue
        whole = (
            isinstance(bound, int)
            and not isinstance(bound, bool)
            and "number" not in kinds
            and "integer" in kinds
        )
        if not whole or plain in adapted:
            lose(keyword, bound)
        else:
            adapted[plain] = bound + step


def without_null(adapted: JsonSchema) -> JsonSchema:
    """OpenAPI: `nullable` instead of a choice of null."""
    variants = [one for one in adapted["anyOf"] if one.get("type") != "NULL"]
    if len(variants) == len(adapted["anyOf"]) or not variants:
        return adapted
    if len(variants) == 1:
        return {**variants[0], **{k: v for k, v in adapted.items() if k != "anyOf"}, "nullable": True}
    return {**adapted, "anyOf": variants, "nullable": True}


def _texts(choices: Any) -> list[str]:
    """The choices but for null, if all others are texts; else none."""
    others = [one for one in choices if one is not None] if isinstance(choices, list) else []
    return others if all(isinstance(one, str) for one in others) else []
