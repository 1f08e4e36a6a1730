"""Whether a JSON value is as a JSON Schema says, in bounded time, and if not, the first problem in words.

Schemas come from clients. A few lines of references to references can keep any ordinary validator busy for hours, so
every step is counted here. Nothing is fetched, no code is made of a schema, and patterns take linear time. `format` is
an annotation, as the standard has it, and is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from freehold.engine.schema.patterns import pattern
from freehold.engine.schema.values import (
    as_dict,
    as_list,
    as_number,
    key_of,
    place_of,
    problems_of_any,
    problems_of_number,
    problems_of_size,
    shown,
)

MOST_STEPS = 200_000
"""A step is a keyword that is looked at, or a place of a pattern at a character: half a second in all."""
_MOST_DEPTH = 100


class Undecided(Exception):
    """The schema is too much work, too deep, or refers to what is not in it."""


def problem_with(value: Any, schema: Any) -> str | None:
    """What is wrong with `value`, or None. Raises Undecided."""
    return _Check(schema).look(schema, value, "$", _Seen())


class _Seen:
    """What of one value the schemas that hold for it have spoken of: `unevaluated…` is about the rest."""

    __slots__ = ("items", "names")

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.items: set[int] = set()

    def add(self, other: _Seen) -> None:
        self.names |= other.names
        self.items |= other.items


class _Check:
    """One value against one schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_STEPS
        self._depth = 0
        self._anchors: dict[str, Any] | None = None

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise Undecided("too much work")

    def look(self, schema: Any, value: Any, path: str, seen: _Seen) -> str | None:
        """The first problem with `value`."""
        if schema is False:
            return f"`{path}` must not be there"
        if not isinstance(schema, dict):
            return None
        self.spend(1 + len(schema))
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Undecided("too deep")
        try:
            return next(self._problems(schema, value, path, seen), None)
        finally:
            self._depth -= 1

    def _problems(self, schema: dict[str, Any], value: Any, path: str, seen: _Seen) -> Iterator[str]:
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                yield from self._also(self._referred(schema[keyword]), value, path, seen)
        yield from problems_of_any(schema, value, path, self.spend)
        if isinstance(value, str):
            yield from self._of_text(schema, value, path)
        elif isinstance(value, dict):
            yield from self._of_object(schema, value, path, seen)
        elif isinstance(value, list):
            yield from self._of_list(schema, value, path, seen)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from problems_of_number(schema, value, path)
        yield from self._combined(schema, value, path, seen)
        if isinstance(value, dict) and "unevaluatedProperties" in schema:
            left = [name for name in value if name not in seen.names]
            yield from self._each(schema["unevaluatedProperties"], value, left, path)
            seen.names.update(left)
        if isinstance(value, list) and "unevaluatedItems" in schema:
            rest = [at for at in range(len(value)) if at not in seen.items]
            yield from self._each(schema["unevaluatedItems"], value, rest, path)
            seen.items.update(rest)

    def _also(self, schema: Any, value: Any, path: str, seen: _Seen) -> Iterator[str]:
        """Another schema that holds for the same value."""
        inner = _Seen()
        problem = self.look(schema, value, path, inner)
        if problem is not None:
            yield problem
        seen.add(inner)

    def _each(self, schema: Any, value: Any, keys: Any, path: str) -> Iterator[str]:
        for key in keys:
            place = place_of(path, key)
            if schema is False and isinstance(key, str):
                yield f"`{path}` has the field {shown(key)}, which must not be there"
            problem = self.look(schema, value[key], place, _Seen())
            if problem is not None:
                yield problem

    # What one kind of value has

    def _of_text(self, schema: dict[str, Any], value: str, path: str) -> Iterator[str]:
        yield from problems_of_size(schema, "Length", len(value), path, "characters")
        wanted = schema.get("pattern")
        if isinstance(wanted, str) and self._matches(wanted, value) is False:
            yield f"`{path}` does not match the pattern {shown(wanted)}"

    def _of_object(
        self, schema: dict[str, Any], value: dict[str, Any], path: str, seen: _Seen
    ) -> Iterator[str]:
        yield from problems_of_size(schema, "Properties", len(value), path, "fields")
        required = as_list(schema.get("required"))
        self.spend(len(required))
        for name in required:
            if isinstance(name, str) and name not in value:
                yield f"`{path}` lacks the field {shown(name)}"
        known = as_dict(schema.get("properties"))
        self.spend(len(known) + len(value))
        spoken: set[str] = set()
        for name in known:
            if name in value:
                spoken.add(name)
                yield from self._each(known[name], value, [name], path)
        for wanted, inner in as_dict(schema.get("patternProperties")).items():
            fitting = [name for name in value if self._matches(wanted, name) is not False]
            spoken.update(fitting)
            # A pattern that is not supported may fit or not: its fields are known, but nothing is said of them.
            if pattern(wanted) is not None:
                yield from self._each(inner, value, fitting, path)
        if "additionalProperties" in schema:
            left = [name for name in value if name not in spoken]
            yield from self._each(schema["additionalProperties"], value, left, path)
            spoken.update(left)
        seen.names |= spoken
        if "propertyNames" in schema:
            for name in value:
                problem = self.look(schema["propertyNames"], name, place_of(path, name), _Seen())
                if problem is not None:
                    yield f"the name of a field is wrong: {problem}"
        yield from self._dependent(schema, value, path, seen)

    def _dependent(
        self, schema: dict[str, Any], value: dict[str, Any], path: str, seen: _Seen
    ) -> Iterator[str]:
        for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
            for name, needed in as_dict(schema.get(keyword)).items():
                if name not in value:
                    continue
                if not isinstance(needed, list):
                    yield from self._also(needed, value, path, seen)
                    continue
                for other in needed:
                    if isinstance(other, str) and other not in value:
                        yield f"`{path}` has {shown(name)} and so needs the field {shown(other)}"

    def _of_list(self, schema: dict[str, Any], value: list[Any], path: str, seen: _Seen) -> Iterator[str]:
        yield from problems_of_size(schema, "Items", len(value), path, "items")
        if schema.get("uniqueItems") is True and len({key_of(item, self.spend) for item in value}) < len(
            value
        ):
            yield f"`{path}` has the same item twice"
        items, rest = schema.get("items"), schema.get("additionalItems")
        first = as_list(schema.get("prefixItems"))
        if isinstance(items, list):  # as it was before 2020
            first, items = items, rest
        for at, inner in enumerate(first[: len(value)]):
            yield from self._each(inner, value, [at], path)
            seen.items.add(at)
        if items is not None:
            left = range(len(first), len(value))
            yield from self._each(items, value, left, path)
            seen.items.update(left)
        if "contains" in schema:
            yield from self._contained(schema, value, path, seen)

    def _contained(self, schema: dict[str, Any], value: list[Any], path: str, seen: _Seen) -> Iterator[str]:
        wanted = schema["contains"]
        found = [at for at, item in enumerate(value) if self.look(wanted, item, path, _Seen()) is None]
        seen.items.update(found)
        least, most = as_number(schema.get("minContains"), 1), as_number(schema.get("maxContains"), None)
        if least is not None and len(found) < least:
            yield f"`{path}` has {len(found)} items of the kind it must contain, and needs {least}"
        if most is not None and len(found) > most:
            yield f"`{path}` has {len(found)} items of a kind of which it may contain {most}"

    # Schemas made of schemas

    def _combined(self, schema: dict[str, Any], value: Any, path: str, seen: _Seen) -> Iterator[str]:
        for inner in as_list(schema.get("allOf")):
            yield from self._also(inner, value, path, seen)
        if "anyOf" in schema:
            yield from self._alternatives(as_list(schema["anyOf"]), value, path, seen, only_one=False)
        if "oneOf" in schema:
            yield from self._alternatives(as_list(schema["oneOf"]), value, path, seen, only_one=True)
        if "not" in schema and self.look(schema["not"], value, path, _Seen()) is None:
            yield f"`{path}` is what it must not be"
        if "if" in schema:
            inner_seen = _Seen()
            holds = self.look(schema["if"], value, path, inner_seen) is None
            if holds:
                seen.add(inner_seen)
            yield from self._also(schema.get("then" if holds else "else", True), value, path, seen)

    def _alternatives(
        self, schemas: list[Any], value: Any, path: str, seen: _Seen, *, only_one: bool
    ) -> Iterator[str]:
        fitting, problems = 0, []
        for inner in schemas:
            inner_seen = _Seen()
            problem = self.look(inner, value, path, inner_seen)
            if problem is None:
                fitting += 1
                seen.add(inner_seen)
            else:
                problems.append(problem)
        if not fitting and problems:
            yield f"`{path}` fits none of its alternatives; of the first one: {problems[0]}"
        elif fitting > 1 and only_one:
            yield f"`{path}` fits {fitting} alternatives and may fit only one"

    def _matches(self, wanted: str, text: str) -> bool | None:
        compiled = pattern(wanted)
        return None if compiled is None else compiled.is_in(text, self.spend)

    # References, which never leave the schema

    def _referred(self, reference: Any) -> Any:
        if reference in ("#", "#/"):
            return self._root
        if not isinstance(reference, str):
            raise Undecided("a reference that is no text")
        if not reference.startswith("#/"):
            if self._anchors is None:
                self._anchors = {}
                self._collect(self._root)
            if reference not in self._anchors:
                raise Undecided("a reference to somewhere else")
            return self._anchors[reference]
        place = self._root
        for step in reference[2:].split("/"):
            key = _unescaped(step)
            if isinstance(place, dict) and key in place:
                place = place[key]
            elif isinstance(place, list) and key.isdecimal() and int(key[:6]) < len(place):
                place = place[int(key[:6])]
            else:
                raise Undecided("a reference to nothing")
        return place

    def _collect(self, schema: Any) -> None:
        left = [schema]
        while left:
            self.spend(1)
            one = left.pop()
            if isinstance(one, dict):
                assert self._anchors is not None
                for keyword, prefix in (("$anchor", "#"), ("$dynamicAnchor", "#"), ("$id", "")):
                    name = one.get(keyword)
                    if isinstance(name, str):
                        self._anchors.setdefault(prefix + name, one)
                left.extend(one.values())
            elif isinstance(one, list):
                left.extend(one)


def _unescaped(step: str) -> str:
    return unquote(step).replace("~1", "/").replace("~0", "~")
