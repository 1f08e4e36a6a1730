"""The answer's module as its tests see it: plain values, and things that stay in the other process.

Nothing of the answer's code runs here. What it returns is rebuilt from its contents, so an `__eq__` of its own is never
asked when a test compares; what is not plain is a `Remote`, and equal to no plain value.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from freehold.compare.scorers.sandbox import frames
from freehold.compare.scorers.sandbox.values import NotAValue, read, written

_ERRORS = {
    name: one
    for name, one in vars(builtins).items()
    if isinstance(one, type) and (issubclass(one, Exception) or one is SystemExit)
}
_TYPES = {name: one for name, one in vars(builtins).items() if isinstance(one, type)}


class AnswerGone(BaseException):
    """The answer's process ended, or sent what makes no sense. No test can catch it and pass."""


class Line:
    """The way to the answer's process."""

    def __init__(self, incoming: int, outgoing: int, *, objects: bool) -> None:
        """`objects`: operators of the answer's own objects are asked for, with what they are compared with."""
        self._incoming = incoming
        self._outgoing = outgoing
        self.objects = objects
        self.gone = ""
        """Why the other side can no longer be believed; empty: it can."""
        self._functions: list[Callable[..., Any]] = []
        self._errors: dict[str, type[Exception]] = {}

    def names(self) -> list[str]:
        """The names in the answer's module, once it has loaded. Raises what it raised."""
        told = self._receive()
        if "names" not in told:
            raise self._error(told)
        return [one for one in told["names"] if type(one) is str]

    def ask(self, operation: str, *values: Any, named: dict[str, Any] | None = None) -> Any:
        """Has something done there. Raises what that raised, and AnswerGone."""
        named = named or {}
        told = [self._written(one) for one in values]
        by_name = {key: self._written(one) for key, one in named.items()}
        self._send([operation, told, by_name])
        while True:
            message = self._receive()
            if "back" not in message:
                break
            self._send(self._called_back(message["back"]))
        if "raised" in message:
            error = self._error(message)
            if isinstance(error, StopIteration) and operation != "next":
                # Raised through `map` or the like it would end a test's loop, and with it the test.
                raise RuntimeError("the answer raised StopIteration")
            raise error
        try:
            result = self._read(message["result"])
            for value, changed in zip((*values, *named.values()), message["arguments"], strict=True):
                if changed is not None:
                    _become(value, self._read(changed))
        except AnswerGone:
            raise
        except Exception as error:  # noqa: BLE001  # whatever nonsense comes, it is nonsense
            raise self._lost(f"it returned what is no value: {error}") from None
        return result

    def _send(self, message: Any) -> None:
        try:
            frames.send(self._outgoing, message)
        except frames.Closed:
            raise self._lost("its process ended") from None

    def _receive(self) -> dict[str, Any]:
        if self.gone:
            raise AnswerGone(self.gone)
        try:
            message = frames.receive(self._incoming)
        except frames.Closed:
            raise self._lost("its process ended") from None
        if type(message) is not dict:
            raise self._lost("it sent what is no message")
        return message

    def _lost(self, why: str) -> AnswerGone:
        self.gone = self.gone or why
        return AnswerGone(self.gone)

    def _called_back(self, told: Any) -> dict[str, Any]:
        try:
            number, arguments, named = told
            function = self._functions[number]
            values = [self._read(one) for one in arguments]
            by_name = {key: self._read(one) for key, one in named.items()}
        except Exception:  # noqa: BLE001  # as above
            raise self._lost("it sent what is no call") from None
        try:
            return {"result": self._written(function(*values, **by_name))}
        except Exception as error:  # noqa: BLE001  # the answer's code is told, as it would be by a call
            return {"raised": type(error).__name__, "told": str(error)[:300]}

    def _error(self, told: dict[str, Any]) -> BaseException:
        try:
            names = [one for one in told["raised"] if type(one) is str]
            kind = self.error_named(names[0], str(told["builtin"]))
            arguments = [self._read(one) for one in told["arguments"]]
        except Exception:  # noqa: BLE001  # as above
            return self._lost("it raised what is no exception")
        try:
            return kind(*arguments)
        except Exception:  # noqa: BLE001  # some exceptions want other arguments than they keep
            return RuntimeError(f"{names[0]}: {told.get('told')}")

    def error_named(self, name: str, nearest: str) -> type[BaseException]:
        """An exception of the answer's code: the built-in one, or one of the same name that stands for it."""
        if name in _ERRORS:
            return _ERRORS[name]
        if name not in self._errors:
            above = _ERRORS.get(nearest, Exception)
            self._errors[name] = type(name, (above if issubclass(above, Exception) else Exception,), {})
        return self._errors[name]

    def _written(self, value: Any) -> Any:
        return written(value, self._stand_in)

    def _stand_in(self, value: Any) -> Any:
        if isinstance(value, Remote):
            return {"kept": object.__getattribute__(value, "_number")}
        if isinstance(value, type) and _TYPES.get(value.__name__) is value:
            return {"type": value.__name__}
        if callable(value) and not isinstance(value, type):
            self._functions.append(value)
            return {"back": len(self._functions) - 1}
        raise NotAValue(f"a test hands over a `{type(value).__name__}`, which is no plain value")

    def _read(self, told: Any) -> Any:
        return read(told, self._stood_for)

    def _stood_for(self, name: str, content: Any) -> Any:
        if name == "type":
            return _TYPES[content]
        if name == "module":
            parts = str(content).split(".")
            # A module called so does something when it is imported: `unittest.__main__` ends the process.
            if parts[0] not in sys.stdlib_module_names or any(part.startswith("_") for part in parts):
                raise NotAValue("a module that is not Python's own")
            return importlib.import_module(content)
        if name == "back":
            return self._functions[content]
        if name != "kept":
            raise NotAValue(name)
        if content["is"] == "error":
            return self.error_named(str(content["name"]), str(content["builtin"]))
        plain = self._read(content["plain"]) if "plain" in content else _NOTHING
        if isinstance(plain, Remote):
            raise NotAValue("a plain value that is none")
        return Remote(self, int(content["number"]), str(content["name"]), plain)


_NOTHING: Any = object()


def _become(value: Any, changed: Any) -> None:
    """A list, dict, set or bytearray that was handed over is now what the answer's code made of it."""
    if type(value) is not type(changed) or value == changed:
        return
    if isinstance(value, dict | set):
        value.clear()
        value.update(changed)
    else:
        value[:] = changed


class Remote:
    """Something of the answer's code that is no plain value: a function, a class, an object."""

    def __init__(self, line: Line, number: int, name: str, plain: Any) -> None:
        set_here = object.__setattr__
        set_here(self, "_line", line)
        set_here(self, "_number", number)
        set_here(self, "_name", name)
        set_here(self, "_plain", plain)

    def _ask(self, operation: str, *values: Any, named: dict[str, Any] | None = None) -> Any:
        line: Line = object.__getattribute__(self, "_line")
        return line.ask(operation, self, *values, named=named)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls it there."""
        return self._ask("call", *arguments, named=named)

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __iter__(self) -> Iterator[Any]:
        if self._plain is not _NOTHING:
            yield from self._plain
            return
        iterator = self._ask("iterate")
        while True:
            try:
                yield iterator._ask("next") if isinstance(iterator, Remote) else next(iterator)
            except StopIteration:
                return

    def __next__(self) -> Any:
        return self._ask("next")

    def __repr__(self) -> str:
        return _text(self._ask("shown"))

    def __str__(self) -> str:
        return _text(self._ask("text"))

    def __bool__(self) -> bool:
        return bool(self._plain) if self._plain is not _NOTHING else self._ask("truth") is True

    def __len__(self) -> int:
        return len(self._plain) if self._plain is not _NOTHING else self._ask("length")

    def __hash__(self) -> int:
        return hash(self._plain) if self._plain is not _NOTHING else self._ask("hash")

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("put", key, value)

    def __delitem__(self, key: Any) -> None:
        self._ask("delete", key)

    def __int__(self) -> int:
        return self._ask("int")  # type: ignore[no-any-return]  # Python itself refuses what is no int

    def __float__(self) -> float:
        return self._ask("float")  # type: ignore[no-any-return]  # likewise

    def __index__(self) -> int:
        return self._ask("index")  # type: ignore[no-any-return]  # likewise

    def __enter__(self) -> Any:
        return self._ask("enter")

    def __exit__(self, *_: object) -> None:
        self._ask("exit")

    def __copy__(self) -> Any:
        return self._ask("copy")

    def __deepcopy__(self, _: Any) -> Any:
        return self._ask("deep copy")

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and value._ask("is instance", self) is True


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("what should be a text is none")
    return value


def _operator(name: str, *, back: bool = False) -> Callable[[Remote, Any], Any]:
    """An operator with two sides. Without `objects` the answer's code is not asked: it could say what it likes, and it
    would learn what it is compared with.
    """

    def operate(self: Remote, other: Any) -> Any:
        mine = object.__getattribute__(self, "_plain")
        yours = object.__getattribute__(other, "_plain") if isinstance(other, Remote) else other
        line: Line = object.__getattribute__(self, "_line")
        if mine is not _NOTHING and yours is not _NOTHING:
            left, right = (yours, mine) if back else (mine, yours)
            return _HERE[name](left, right)
        if line.objects:
            return line.ask(name, other, self) if back else line.ask(name, self, other)
        if name == "contains":
            # `in` takes NotImplemented for yes.
            return any(one == other for one in self)
        same = isinstance(other, Remote) and other._number == self._number
        return {"eq": same, "ne": not same}.get(name, NotImplemented)

    return operate


def _single(name: str) -> Callable[[Remote], Any]:
    def operate(self: Remote) -> Any:
        mine = object.__getattribute__(self, "_plain")
        return _HERE[name](mine) if mine is not _NOTHING else self._ask(name)

    return operate


_TWO_SIDED = {
    **{name: f"__{name}__" for name in ("eq", "ne", "lt", "le", "gt", "ge", "contains")},
    **{name: f"__{name}__" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")},
    **{name: f"__{name.strip('_')}__" for name in ("and_", "or_", "xor", "lshift", "rshift")},
}
_REFLECTED = frozenset(list(_TWO_SIDED)[7:])
_ONE_SIDED = {name: f"__{name}__" for name in ("neg", "pos", "abs", "invert")}
_operators = importlib.import_module("operator")
_HERE: dict[str, Callable[..., Any]] = {
    name: getattr(_operators, name) for name in (*_TWO_SIDED, *_ONE_SIDED)
}

for _name, _method in _TWO_SIDED.items():
    setattr(Remote, _method, _operator(_name))
    if _name in _REFLECTED:
        setattr(Remote, f"__r{_method[2:]}", _operator(_name, back=True))
for _name, _method in _ONE_SIDED.items():
    setattr(Remote, _method, _single(_name))
