"""Arguments of tool calls: which values are the same."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.compare.scorers.normal import normal

_MOST_MATCHED = 100
"""Elements of a list for which every way of pairing them is tried; in longer ones the first that fits is taken."""


class Coercions(msgspec.Struct, frozen=True, kw_only=True):
    """Which values count as the same although JSON tells them apart. 5 and 5.0 always do."""

    numbers_as_text: bool = False
    booleans_as_text: bool = False
    loose_text: bool = False
    any_order: bool = False


def are_same(value: Any, wanted: Any, coercions: Coercions) -> bool:
    """Whether a value is the wanted one."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return _same_truth(value, wanted, coercions)
    if isinstance(wanted, str) and isinstance(value, str):
        return value == wanted or (coercions.loose_text and loose(value) == loose(wanted))
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() == wanted.keys()
            and all(are_same(value[name], one, coercions) for name, one in wanted.items())
        )
    if isinstance(wanted, list):
        return isinstance(value, list) and _same_list(value, wanted, coercions)
    if coercions.numbers_as_text and {type(value), type(wanted)} in ({str, int}, {str, float}):
        return _number(value) is not None and _number(value) == _number(wanted)
    return (type(value) is type(wanted) and bool(value == wanted)) or _are_numbers(value, wanted)


def loose(text: str) -> str:
    """A text without case, punctuation and white space."""
    plain = normal(text, case=True, punctuation=True, whitespace=True, unicode=True, articles=False)
    return plain.replace(" ", "") or text.strip()


def _are_numbers(value: Any, wanted: Any) -> bool:
    return isinstance(value, int | float) and isinstance(wanted, int | float) and value == wanted


def _same_truth(value: Any, wanted: Any, coercions: Coercions) -> bool:
    if isinstance(value, bool) and isinstance(wanted, bool):
        return value == wanted
    words = {one.strip().lower() if isinstance(one, str) else str(one).lower() for one in (value, wanted)}
    one_is_text = isinstance(value, str) or isinstance(wanted, str)
    return coercions.booleans_as_text and one_is_text and words in ({"true"}, {"false"})


def _same_list(value: list[Any], wanted: list[Any], coercions: Coercions) -> bool:
    if len(value) != len(wanted):
        return False
    if not coercions.any_order:
        return all(are_same(one, other, coercions) for one, other in zip(value, wanted, strict=True))
    if len(wanted) <= _MOST_MATCHED:
        fits = [[are_same(one, other, coercions) for one in value] for other in wanted]
        return len(matching(fits)) == len(wanted)
    left = list(value)
    for other in wanted:
        met = next((at for at, one in enumerate(left) if are_same(one, other, coercions)), None)
        if met is None:
            return False
        del left[met]
    return True


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def matching(fits: list[list[bool]]) -> dict[int, int]:
    """As many rows as possible, each with a column of its own that fits: row by column."""
    found: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in seen:
                seen.add(column)
                if column not in found or place(found[column], seen):
                    found[column] = row
                    return True
        return False

    for row in range(len(fits)):
        place(row, set())
    return found
