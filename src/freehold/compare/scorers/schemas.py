"""Answers that have to be JSON as a schema says: `json-schema`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.fences import fences_of
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scorers.texts import shown
from freehold.compare.scoring import Scored
from freehold.engine.schema.patterns import pattern
from freehold.engine.schema.validation import Undecided, problem_with


class JsonSchemaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `json-schema` is set."""

    schema: dict[str, Any] | None = None
    """The schema of all answers. Without one, a case's target is its schema."""
    fence: Literal["refused", "allowed", "needed"] = "refused"
    """Whether the JSON may, or must, stand in a fenced block; then the answer's only block counts, and what is around
    it does not."""


def _json_schema(settings: JsonSchemaSettings) -> Look[Any]:
    @lru_cache(maxsize=1024)
    def checked(raw: bytes) -> Any:
        schema = msgspec.json.decode(raw)
        _check(schema)
        return schema

    fixed = None if settings.schema is None else checked(msgspec.json.encode(settings.schema))

    def look(target: Any, answer: Answer) -> Scored:
        schema = fixed if settings.schema is not None else checked(msgspec.json.encode(target))
        text = _json_of(answer.text, settings.fence)
        if text is None:
            return Scored(0.0, f"there is not one fenced block in {shown(answer.text)}")
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            return Scored(0.0, f"no JSON ({error}): {shown(answer.text)}")
        try:
            problem = problem_with(value, schema)
        except Undecided as error:
            return Scored(None, f"the schema is {error}")
        except RecursionError:
            return Scored(0.0, f"nested too deeply: {shown(answer.text)}")
        return _RIGHT if problem is None else Scored(0.0, problem)

    return look


_RIGHT = Scored(1.0)


def _json_of(text: str, fence: str) -> str | None:
    if fence == "refused":
        return text
    blocks = fences_of(text)
    if not blocks and fence == "allowed":
        return text
    return blocks[0].text if len(blocks) == 1 else None


def _check(schema: Any) -> None:
    """Raises Unfit: it is no schema, or has a pattern that is not understood and would hold for everything."""
    if not isinstance(schema, dict | bool):
        raise Unfit("a schema is an object.")
    left: list[Any] = [schema]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left.extend(one)
        if not isinstance(one, dict):
            continue
        keyed = one.get("patternProperties")
        patterns = [one.get("pattern"), *(keyed if isinstance(keyed, dict) else ())]
        for text in patterns:
            if isinstance(text, str) and pattern(text) is None:
                raise Unfit(
                    f"the pattern {shown(text)} is none, or cannot be checked in bounded time (it looks around)."
                )
        left.extend(one.values())


JSON_SCHEMA = Kind(
    name="json-schema",
    version=1,
    settings=JsonSchemaSettings,
    target=Any,
    targetless=lambda settings: settings.schema is not None,
    make=_json_schema,
)
