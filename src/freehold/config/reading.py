"""Tables of TOML into the structs of `sections`, with every mistake told at its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from freehold.config.problems import Problems
from freehold.config.sections import File
from freehold.config.source import Key, written
from freehold.config.values import (
    UnfitError,
    read_date,
    read_dollars,
    read_flag,
    read_number,
    read_seconds,
    read_share,
    read_text,
    read_whole,
    shown,
)
from freehold.core.suggest import did_you_mean, one_of

Section = TypeVar("Section", bound=msgspec.Struct)

UNLIMITED = "unlimited"
_MISSING = object()


def read_section(
    section: type[Section], values: object, key: Key, problems: Problems, *, besides: Iterable[str] = ()
) -> Section | None:
    """The struct; whatever is wrong goes to `problems`, and a default stands in for it.

    None when there is no default to stand in. `besides`: keys that are allowed although the struct
    has no such field; they are left to the caller.
    """
    if not isinstance(values, Mapping):
        problems.error(key, f"`{written(key)}` must be a table, not {shown(values)}.")
        return None
    fields = fields_of(section)
    for name in values:
        if name not in fields and name not in besides:
            _unknown(name, [*fields, *besides], key, problems)
    read: dict[str, Any] = {}
    for name, field in fields.items():
        here = (*key, name)
        if name in values:
            value = _read(field.type, unit_of(name), values[name], here, problems)
            if value is not _MISSING:
                read[field.name] = value
        elif field.required:
            problems.error(here, f"`{written(here)}` is missing.")
    if any(field.required and field.name not in read for field in fields.values()):
        return None
    return section(**read)


@cache
def fields_of(section: type[msgspec.Struct]) -> dict[str, inspect.Field]:
    """Fields of a section by the names they have in the file."""
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field for field in info.fields}


def unit_of(name: str) -> str:
    """The unit of a whole number, which the setting's name ends with."""
    endings = {"bytes": "bytes", "memory": "bytes", "days": "days", "ms": "milliseconds"}
    return endings.get(name.rpartition("_")[2], "")


def _read(kind: inspect.Type, unit: str, value: object, key: Key, problems: Problems) -> Any:
    """The value, or _MISSING after a problem has been told."""
    kind, unlimited = _bare(kind)
    match kind:
        case inspect.StructType():
            section = read_section(kind.cls, value, key, problems)
            return _MISSING if section is None else section
        case inspect.DictType():
            return _read_each(kind.value_type, value, key, problems)
        case inspect.VarTupleType() | inspect.FrozenSetType():
            items = _read_all(kind.item_type, value, key, problems)
            return (
                frozenset(items)
                if isinstance(kind, inspect.FrozenSetType) and items is not _MISSING
                else items
            )
    if unlimited and value == UNLIMITED:
        return Decimal("Infinity") if isinstance(kind, inspect.DecimalType) else UNLIMITED
    try:
        return _read_one(kind, unit, value)
    except UnfitError as unfit:
        word_too = f' or "{UNLIMITED}"' if unlimited else ""
        problems.error(key, f"`{written(key)}` must be {unfit}{word_too}, not {shown(value)}.")
        return _MISSING


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    """The type without None, which TOML cannot write, and whether the word `unlimited` will do too."""
    unlimited = False
    if isinstance(kind, inspect.UnionType):
        word = inspect.LiteralType((UNLIMITED,))
        unlimited = word in kind.types
        (kind,) = (one for one in kind.types if one != word and not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.Metadata):  # a union of Decimal and a word is more than msgspec knows
        unlimited = bool((kind.extra or {}).get("unlimited"))
        kind = kind.type
    return kind, unlimited


def _read_each(kind: inspect.Type, value: object, key: Key, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.error(key, f"`{written(key)}` must be a table, not {shown(value)}.")
        return _MISSING
    each = {name: _read(kind, "", one, (*key, name), problems) for name, one in value.items()}
    return _MISSING if any(one is _MISSING for one in each.values()) else each


def _read_all(kind: inspect.Type, value: object, key: Key, problems: Problems) -> Any:
    if not isinstance(value, list):
        problems.error(key, f"`{written(key)}` must be a list, not {shown(value)}.")
        return _MISSING
    items = [_read(kind, "", one, (*key, place), problems) for place, one in enumerate(value)]
    return _MISSING if any(item is _MISSING for item in items) else tuple(items)


def _read_one(kind: inspect.Type, unit: str, value: object) -> object:
    match kind:
        case inspect.IntType(ge=least, le=most):
            return read_whole(unit, least, most)(value)
        case inspect.FloatType(ge=least, le=most):
            return _float_reader(least, most)(value)
        case inspect.StrType(min_length=least):
            return read_text(value, empty=least == 0)
        case inspect.LiteralType(values=words):
            if value not in words:
                raise UnfitError(f"one of {one_of(str(word) for word in words)}")
            return value
    return _READERS[type(kind)](value)


def _float_reader(least: float | None, most: float | None) -> Callable[[object], float]:
    """One with both bounds is a number, and from 0 to 1 a share; any other one is a duration."""
    if most == 1:
        return read_share
    if least is not None and most is not None:
        return read_number(least, most)
    return lambda value: read_seconds(value, least or 0)


_READERS: dict[type[inspect.Type], Callable[[object], object]] = {
    inspect.BoolType: read_flag,
    inspect.DecimalType: read_dollars,
    inspect.DateType: read_date,
}


def _unknown(name: str, known: list[str], key: Key, problems: Problems) -> None:
    here = (*key, name)
    hint = did_you_mean(name, known)
    if hint is None and name in _HOMES:
        hint = f"It belongs into `[{_HOMES[name]}]`." if _HOMES[name] else "It belongs above the first table."
    hint = hint or f"There {_are(known)}."
    problems.error(here, f"`{written(here)}` is not a setting.", hint)


def _are(known: list[str]) -> str:
    return f"is only {one_of(known)}" if len(known) == 1 else f"are {one_of(sorted(known))}"


def _homes() -> dict[str, str]:
    """Where settings of the single tables belong, for those written into another."""
    homes: dict[str, str] = {}
    for name, field in fields_of(File).items():
        if isinstance(field.type, inspect.StructType):
            homes.update(dict.fromkeys(fields_of(field.type.cls), name))
        elif not isinstance(field.type, inspect.DictType):
            homes[name] = ""
    return homes


_HOMES = _homes()
