"""What the process with the answer's code runs: it does what the tests' process asks for.

Nothing here is trusted by the other side. The answer's code may change all of it, and gains nothing by that but what it
could have returned anyway.
"""

from __future__ import annotations

import builtins
import copy
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

from freehold.compare.scorers.sandbox import frames
from freehold.compare.scorers.sandbox.values import NotAValue, written
from freehold.compare.scorers.sandbox.values import read as read_value

_MOST_TOLD = 300
"""Characters of an exception's message."""
_BASES: dict[type, Callable[[Any], Any]] = {
    int: lambda value: int.__add__(value, 0),
    float: lambda value: float.__add__(value, 0.0),
    str: lambda value: str.__add__(value, ""),
    bytes: lambda value: bytes.__add__(value, b""),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
"""What a value of a type made from one of these is, without what was added."""
_TYPES = {name: one for name, one in vars(builtins).items() if isinstance(one, type)}
_NAMES = {one: name for name, one in _TYPES.items()}


class Answering:
    """The answer's module, and everything of it that the tests have a number for."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._kept: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._module = types.ModuleType("solution")

    def load(self, name: str, code: str) -> None:
        """Runs the answer's code as a module and tells how that went, and which names it has."""
        self._module = types.ModuleType(name)
        sys.modules[name] = self._module
        try:
            exec(compile(code, f"{name}.py", "exec"), self._module.__dict__)  # noqa: S102  # what this is for
        except BaseException as error:  # noqa: BLE001  # whatever a stranger's code raises is its answer
            frames.send(self._outgoing, self._raised(error))
            return
        frames.send(self._outgoing, {"names": [one for one in vars(self._module) if type(one) is str]})

    def serve(self) -> None:
        """Does what is asked for until the tests are over."""
        try:
            while True:
                frames.send(self._outgoing, self._done(frames.receive(self._incoming)))
        except frames.Closed:
            return

    def _done(self, asked: Any) -> Any:
        try:
            name, arguments, named = asked
            values = [self._read(one) for one in arguments]
            by_name = {key: self._read(one) for key, one in named.items()}
            result = self._written(_OPERATIONS[name](self, values, by_name))
            handed = [*values, *by_name.values()]
            changed = [self._written(one) if _is_mutable(one) else None for one in handed]
        except BaseException as error:  # noqa: BLE001  # as above
            return self._raised(error)
        return {"result": result, "arguments": changed}

    def _raised(self, error: BaseException) -> Any:
        names = [kind.__name__ for kind in type(error).__mro__]
        try:
            told = str(error)[:_MOST_TOLD]
        except BaseException:  # noqa: BLE001  # as above
            told = ""
        try:
            arguments = [written(one, _refused) for one in error.args]
        except BaseException:  # noqa: BLE001  # as above
            arguments = [told]
        return {"raised": names, "builtin": _builtin(type(error)), "told": told, "arguments": arguments}

    # Values that stay here

    def _written(self, value: Any) -> Any:
        return written(value, self._number)

    def _number(self, value: Any) -> Any:
        if isinstance(value, type) and value in _NAMES:
            return {"type": _NAMES[value]}
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        if isinstance(value, _Calling):
            return {"back": value.number}
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        told = {"number": number, "name": type(value).__name__, "is": _what(value)}
        if told["is"] == "error":
            told |= {"name": value.__name__, "builtin": _builtin(value)}
        for base, plain in _BASES.items():
            if isinstance(value, base):
                told["plain"] = written(plain(value), self._number)
        return {"kept": told}

    def _read(self, told: Any) -> Any:
        return read_value(told, self._other)

    def _other(self, name: str, content: Any) -> Any:
        if name == "kept":
            return self._kept[content]
        if name == "type":
            return _TYPES[content]
        if name == "back":
            return _Calling(self, content)
        raise NotAValue(name)

    def call_back(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Has the tests' process call a function of its own."""
        told = (
            [self._written(one) for one in arguments],
            {key: self._written(one) for key, one in named.items()},
        )
        frames.send(self._outgoing, {"back": [number, *told]})
        while True:
            message = frames.receive(self._incoming)
            if isinstance(message, dict):
                break
            frames.send(self._outgoing, self._done(message))
        if "raised" in message:
            raise _TYPES.get(message["raised"], Exception)(message["told"])
        return self._read(message["result"])

    # What can be asked for

    def of_name(self, values: list[Any], _: dict[str, Any]) -> Any:
        """What stands under a name in the module."""
        return getattr(self._module, values[0])


class _Calling:
    """A function of the tests, as the answer's code calls it."""

    def __init__(self, answering: Answering, number: int) -> None:
        self._answering = answering
        self.number = number

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._answering.call_back(self.number, arguments, named)


def _refused(value: Any) -> Any:
    raise NotAValue(type(value).__name__)


def _builtin(error: type) -> str:
    """The nearest exception of Python's own."""
    return next((kind.__name__ for kind in error.__mro__ if _TYPES.get(kind.__name__) is kind), "Exception")


def _what(value: Any) -> str:
    if isinstance(value, type):
        return "error" if issubclass(value, BaseException) else "class"
    return "function" if callable(value) else "object"


def _is_mutable(value: Any) -> bool:
    return type(value) in (list, dict, set, bytearray)


def _plain_operation(function: Callable[..., Any]) -> Callable[[Answering, list[Any], dict[str, Any]], Any]:
    return lambda _, values, named: function(*values, **named)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *arguments, **named: function(*arguments, **named),
    "get": getattr,
    "set": setattr,
    "length": len,
    "iterate": iter,
    "next": next,
    "truth": bool,
    "text": str,
    "shown": repr,
    "hash": hash,
    "int": int,
    "float": float,
    "index": operator.index,
    "item": operator.getitem,
    "put": operator.setitem,
    "delete": operator.delitem,
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "is instance": isinstance,
    "enter": lambda manager: type(manager).__enter__(manager),
    "exit": lambda manager: type(manager).__exit__(manager, None, None, None),
    **{
        name: getattr(operator, name)
        for name in (
            *("eq", "ne", "lt", "le", "gt", "ge", "contains", "neg", "pos", "abs", "invert"),
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"),
            *("lshift", "rshift"),
        )
    },
}
_OPERATIONS: dict[str, Callable[[Answering, list[Any], dict[str, Any]], Any]] = {
    "name": Answering.of_name,
    **{name: _plain_operation(function) for name, function in _FUNCTIONS.items()},
}
