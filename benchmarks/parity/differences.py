"""Where two values differ, as places: `turns[].parts[result].failed`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct

_KINDS = ("reasoning", "call", "result", "media", "text")
"""What a part of a description is told by."""


class Difference(Struct, frozen=True):
    """One of them."""

    place: str
    direct: Any
    """None: there is nothing."""
    through: Any

    @property
    def lost(self) -> bool:
        """It was there and is no more."""
        return self.direct is not None and self.through is None

    @property
    def added(self) -> bool:
        """It is there only on the way through Freehold."""
        return self.direct is None

    def __str__(self) -> str:
        return f"{self.place}: {_short(self.direct)} -> {_short(self.through)}"


def differences(place: str, direct: Any, through: Any) -> Iterator[Difference]:
    """Between what is said directly and through Freehold."""
    if isinstance(direct, dict) and isinstance(through, dict):
        for key in dict.fromkeys((*direct, *through)):
            yield from differences(f"{place}.{key}", direct.get(key), through.get(key))
    elif isinstance(direct, list) and isinstance(through, list):
        yield from _between_lists(place, direct, through)
    elif direct != through or isinstance(direct, bool) != isinstance(through, bool):
        yield Difference(place, direct, through)


def _between_lists(place: str, direct: list[Any], through: list[Any]) -> Iterator[Difference]:
    matcher = SequenceMatcher(
        None, [_key(one) for one in direct], [_key(one) for one in through], autojunk=False
    )
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            continue
        left, right = direct[a:b], through[c:d]
        while left and right:
            if len(left) != len(right) and _kind(place, left[0]) != _kind(place, right[0]):
                longer = left if len(left) > len(right) else right
                one = longer.pop(0)
                lost = longer is left
                yield Difference(
                    f"{place}[{_kind(place, one)}]", one if lost else None, None if lost else one
                )
                continue
            one, other = left.pop(0), right.pop(0)
            yield from differences(f"{place}[{_kind(place, one)}]", one, other)
        yield from (Difference(f"{place}[{_kind(place, one)}]", one, None) for one in left)
        yield from (Difference(f"{place}[{_kind(place, one)}]", None, one) for one in right)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _kind(place: str, value: Any) -> str:
    if not place.endswith(".parts") or not isinstance(value, dict):
        return ""
    return next((kind for kind in _KINDS if kind in value), "")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else text[:157] + "…"
