"""JSON values beside the keywords that speak of the value itself: types, bounds, and how both are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import msgspec

_MOST_SHOWN = 60
"""Characters of a value in a message."""


def problems_of_any(
    schema: dict[str, Any], value: Any, path: str, spend: Callable[[int], None]
) -> Iterator[str]:
    """What the keywords for values of every type say."""
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else as_list(wanted)
    if names and not any(_is_of_type(value, name) for name in names):
        yield f"`{path}` is {_type_of(value)}, and has to be {' or '.join(map(str, names[:8]))}"
    if "const" in schema and key_of(value, spend) != key_of(schema["const"], spend):
        yield f"`{path}` is {shown(value)}, and has to be {shown(schema['const'])}"
    allowed = schema.get("enum")
    if isinstance(allowed, list):
        key = key_of(value, spend)
        if not any(key == key_of(one, spend) for one in allowed):
            yield f"`{path}` is {shown(value)}, and has to be one of {shown(allowed)}"


def problems_of_number(schema: dict[str, Any], value: float, path: str) -> Iterator[str]:
    """What the keywords for numbers say."""
    low, high = as_number(schema.get("minimum"), None), as_number(schema.get("maximum"), None)
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if over is True:  # as it was before 2019: the bound stands beside it
        over, low = low, None
    if under is True:
        under, high = high, None
    over, under = as_number(over, None), as_number(under, None)
    if low is not None and value < low:
        yield f"`{path}` is {shown(value)}, and has to be at least {shown(low)}"
    if high is not None and value > high:
        yield f"`{path}` is {shown(value)}, and has to be at most {shown(high)}"
    if over is not None and value <= over:
        yield f"`{path}` is {shown(value)}, and has to be over {shown(over)}"
    if under is not None and value >= under:
        yield f"`{path}` is {shown(value)}, and has to be under {shown(under)}"
    step = as_number(schema.get("multipleOf"), None)
    if step is not None and step > 0 and Fraction(str(value)) % Fraction(str(step)):
        yield f"`{path}` is {shown(value)}, and has to be a multiple of {shown(step)}"


def problems_of_size(schema: dict[str, Any], what: str, size: int, path: str, unit: str) -> Iterator[str]:
    """What `min…` and `max…` say of a size."""
    least, most = as_number(schema.get(f"min{what}"), None), as_number(schema.get(f"max{what}"), None)
    if least is not None and size < least:
        yield f"`{path}` has {size} {unit}, and needs at least {shown(least)}"
    if most is not None and size > most:
        yield f"`{path}` has {size} {unit}, and may have at most {shown(most)}"


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool)
        and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _is_of_type(value: Any, name: Any) -> bool:
    test = _TYPES.get(name) if isinstance(name, str) else None
    return test is None or test(value)


def _type_of(value: Any) -> str:
    return next((name for name, test in _TYPES.items() if test(value)), "something else")


def key_of(value: Any, spend: Callable[[int], None]) -> Any:
    """Equal for values that JSON Schema holds equal: 1 is 1.0, but not true. `spend` is told the work."""
    spend(1)
    if isinstance(value, list):
        return ("list", *(key_of(inner, spend) for inner in value))
    if isinstance(value, dict):
        return frozenset((name, key_of(inner, spend)) for name, inner in value.items())
    return (isinstance(value, bool), value)


def place_of(path: str, key: str | int) -> str:
    """The path one step further."""
    return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{_cut(key.replace('`', ''))}"


def shown(value: Any) -> str:
    """A value as a message has it: short, and in backticks."""
    return f"`{_cut(msgspec.json.encode(value).decode()).replace('`', '')}`"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_number(value: Any, otherwise: Any) -> Any:
    """The value if it is a number, else `otherwise`."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
