"""Calls of tools in what a model writes.

llama.cpp shows tools to a model whose chat template has a place for them, and holds it to no form of a call. So a call
that is demanded is asked for as JSON by a schema, and in an answer that may call or not, calls are looked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_BEGIN, _END = "<tool_call>", "</tool_call>"


class Function(msgspec.Struct):
    """What a model may call."""

    name: str
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """A tool, as OpenAI's chat API has it; only functions are known."""

    function: Function
    type: str = "function"


class Call(msgspec.Struct):
    """One call that the model made."""

    name: str
    arguments: str
    """JSON."""

    def delta(self, index: int) -> dict[str, Any]:
        """As it stands in an answer."""
        function = {"name": self.name, "arguments": self.arguments}
        return {
            "index": index,
            "id": f"call_{secrets.token_hex(8)}",
            "type": "function",
            "function": function,
        }


def schema_of(tools: Iterable[Tool]) -> dict[str, Any]:
    """JSON Schema of a call of one of these."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool.function.name},
                "arguments": tool.function.parameters or {"type": "object"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


class Calls:
    """Takes what is said in pieces and takes the calls out of it: between tags, or as the whole answer in JSON."""

    def __init__(self, names: Iterable[str], *, demanded: bool) -> None:
        """`names`: of the tools there are. `demanded`: the answer is a call, in the form of `schema_of`."""
        self.found: list[Call] = []
        self._names = frozenset(names)
        self._demanded = demanded
        self._held = ""
        self._begun = False
        """Something has been said that is no call."""

    def feed(self, text: str) -> str:
        """More of the answer; what of it is certainly no call."""
        self._held += text
        if self._demanded:
            return ""
        said = ""
        while True:
            before, opened, rest = self._held.partition(_BEGIN)
            if not opened:
                break
            inside, closed, after = rest.partition(_END)
            if not closed:
                return self._say(said + before, keep=_BEGIN + rest)
            call = _call_in(inside, self._names)
            said += before.rstrip() if call else f"{before}{_BEGIN}{inside}{_END}"
            if call:
                self.found.append(call)
                after = after.lstrip()
            self._held = after
        if not self._begun and self._held.lstrip()[:1] in ("", "{"):
            return self._say(said, keep=self._held)
        tail = next(
            (_BEGIN[:size] for size in range(len(_BEGIN) - 1, 0, -1) if self._held.endswith(_BEGIN[:size])),
            "",
        )
        return self._say(said + self._held[: len(self._held) - len(tail)], keep=tail)

    def end(self) -> str:
        """The answer is complete; what was held back and is no call."""
        held, self._held = self._held, ""
        call = _call_in(held.removeprefix(_BEGIN), self._names)
        if call is None:
            return held if held.strip() or not self.found else ""
        self.found.append(call)
        return ""

    def _say(self, said: str, *, keep: str) -> str:
        """White space is held back, too: before a call it is nothing that is said."""
        told = said.rstrip()
        self._held = said[len(told) :] + keep
        self._begun = self._begun or bool(told)
        return told


def _call_in(text: str, names: frozenset[str]) -> Call | None:
    try:
        found = msgspec.json.decode(text.strip())
    except msgspec.DecodeError:
        return None
    if not isinstance(found, Mapping):
        return None
    name = found.get("name")
    arguments = found.get("arguments", found.get("parameters"))
    if name not in names or not isinstance(arguments, Mapping):
        return None
    return Call(str(name), msgspec.json.encode(arguments).decode())
