"""Plain values as JSON, and everything else as a number that stands for it.

What an answer's code returns is read by the tests' process, which must not be led astray by it: a value is either of
one of the types below, exactly, and rebuilt from its contents, or it stays where it is and is known by a number.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

_MOST_DEPTH = 200
_ITSELF = (type(None), bool, int, str)
_LISTED: dict[type, str] = {
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    deque: "deque",
}
_SHAPED: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
}
_TOLD: dict[type, tuple[str, Callable[[Any], Any]]] = {
    float: ("float", float.hex),
    complex: ("complex", lambda value: [value.real.hex(), value.imag.hex()]),
    bytes: ("bytes", bytes.hex),
    bytearray: ("bytearray", bytearray.hex),
    range: ("range", lambda value: [value.start, value.stop, value.step]),
    Decimal: ("decimal", Decimal.__str__),
    Fraction: ("fraction", Fraction.__str__),
    datetime.datetime: ("datetime", datetime.datetime.isoformat),
    datetime.date: ("date", datetime.date.isoformat),
    datetime.time: ("time", datetime.time.isoformat),
    datetime.timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "float": float.fromhex,
    "complex": lambda told: complex(float.fromhex(told[0]), float.fromhex(told[1])),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda told: range(*told),
    "decimal": Decimal,
    "fraction": Fraction,
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda told: datetime.timedelta(*told),
}


class NotAValue(Exception):
    """What came is not a value that was written here, or it is too deep."""


def written(value: Any, other: Callable[[Any], Any], depth: int = 0) -> Any:
    """A value as JSON has it. `other` is asked for what stands for a value that is not plain.

    Raises NotAValue: it is too deep, or contains itself.
    """
    kind = type(value)
    if kind in _ITSELF:
        return value
    if depth > _MOST_DEPTH:
        raise NotAValue("a value is nested too deeply")
    if kind is list:
        return [written(one, other, depth + 1) for one in list.__iter__(value)]
    if kind is dict:
        pairs = [
            [written(key, other, depth + 1), written(one, other, depth + 1)] for key, one in dict.items(value)
        ]
        return {"dict": pairs}
    if kind in _LISTED:
        return {_LISTED[kind]: [written(one, other, depth + 1) for one in kind.__iter__(value)]}
    if kind in _TOLD:
        name, tell = _TOLD[kind]
        if not (kind is datetime.datetime or kind is datetime.time) or value.tzinfo is None:
            return {name: tell(value)}
    return other(value)


def read(told: Any, other: Callable[[str, Any], Any]) -> Any:
    """The value again. `other` is asked for what is not plain, with the word and what came with it.

    Raises NotAValue, and whatever a constructor raises that is given nonsense.
    """
    if type(told) in (*_ITSELF, float):
        return told
    if type(told) is list:
        return [read(one, other) for one in told]
    if type(told) is not dict or len(told) != 1:
        raise NotAValue("what came is not a value")
    [(name, content)] = told.items()
    if name == "dict":
        return {read(key, other): read(one, other) for key, one in content}
    if name in _SHAPED:
        return _SHAPED[name]([read(one, other) for one in content])
    if name in _READ:
        return _READ[name](content)
    return other(name, content)
