"""What was said in a conversation, gone over once: where its answers are, and by what each is recognised."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from freehold.core.parts import Foreign, Media, Message, Part, Refusal, State, Text, ToolCall, ToolResult

SYSTEM = ("system", "developer")
"""Roles of those who say how it has to be, and not what is wanted."""
_MOST_CALLS = 32
"""Tool calls of one answer that it is recognised by."""
_MADE = "call_gm"
"""What ids of tool calls begin with that the dialect of Gemini makes for places, not for calls."""
_LEAST_UNIQUE = 9
"""Characters that an id of a tool call has at least that belongs to one conversation alone."""

_decode: Any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


class Answered(msgspec.Struct, frozen=True, gc=False):
    """One of the answers in a conversation."""

    before: bytes
    """A digest of what was said before it."""
    calls: tuple[str, ...] = ()
    """What its tool calls are recognised by, which no other answer has: their ids or, where those are not given, what
    they are behind these words.
    """


class History:
    """Goes over the messages once, in their order."""

    def __init__(self, scope: str, *, trusts_ids: bool) -> None:
        """`scope`: what keeps conversations of others apart. `trusts_ids`: whether ids of tool calls come again."""
        self._running = blake2b(scope.encode(errors="surrogatepass"), digest_size=16)
        self._trusts_ids = trusts_ids
        self.answers: list[Answered] = []
        self.state: State | None = None
        self.state_at = -1
        """In which answer."""
        self.bound = False
        self._calls: list[list[str]] = []
        """Of each answer, the tool calls in it."""
        self._called: list[bool] = []
        """Whether there are any, with an id or without."""
        self._results: list[bool] = []
        """Whether there are results of tools behind it, before the next one."""
        self._speaking = False
        """Whether the last message is of the model."""

    def digest(self) -> bytes:
        """Of all that was said so far."""
        return self._running.digest()

    def before_answer(self) -> bytes:
        """Of what stands before the answer that is to come, of which the last message may be the beginning."""
        return self.answers[-1].before if self._speaking else self.digest()

    def loop(self) -> int:
        """How many of the newest answers belong to a loop of tool calls that is under way."""
        if not self._called:
            return 0
        newest = len(self._called) - 1
        if not (self._called[newest] or self._results[newest]) and not (
            self._speaking and newest and self._results[newest - 1]
        ):
            return 0
        count = 1
        while count <= newest and self._results[newest - count]:
            count += 1
        return count

    def add(self, message: Message) -> None:
        """One more message."""
        if message.role in SYSTEM:
            return  # what is said there may change with the hour
        if message.role == "assistant":
            if not self._speaking:
                self.answers.append(Answered(self.digest()))
                self._calls.append([])
                self._called.append(False)
                self._results.append(False)
            self._speaking = True
        else:
            self._speaking = False
        self._feed(message.role)
        words = text_of(message.parts).strip()
        if words:
            self._feed("text", words)
        for part in message.parts:
            self._add(part, of_model=message.role == "assistant")

    def _add(self, part: Part, *, of_model: bool) -> None:
        if of_model:
            state = getattr(part, "state", None)
            if state is not None:
                self.bound = True
                if state.origin is not None:
                    self.state, self.state_at = state, len(self.answers) - 1
            if isinstance(part, Foreign):
                self.bound = True
        if isinstance(part, ToolCall):
            self._feed("call", part.name, self._known(part.id))
            if self._calls:
                self._called[-1] = True
                self._note_call(part)
        elif isinstance(part, ToolResult):
            self._feed("result", self._known(part.call_id))
            if self._results:
                self._results[-1] = True
        elif isinstance(part, Media):
            data = part.data or part.text or ""
            self._feed("media", part.kind, f"{len(data)} {data[:64]} {data[-64:]}")

    def _note_call(self, part: ToolCall) -> None:
        calls, before = self._calls[-1], self.answers[-1].before
        if len(calls) < _MOST_CALLS:
            if self._trusts_ids and is_unique(part.id):
                calls.append(part.id)
            elif part.id.startswith(_MADE):
                calls.append(described(before, part.name, part.arguments))
            self.answers[-1] = Answered(before, tuple(calls))

    def _known(self, call_id: str) -> str:
        """The id as far as the next request will have the same."""
        return call_id if self._trusts_ids else ""

    def _feed(self, *words: str) -> None:
        for word in words:
            data = word.encode(errors="surrogatepass")
            self._running.update(len(data).to_bytes(8, "big"))
            self._running.update(data)


def is_unique(call_id: str) -> bool:
    """Whether the id of a tool call can be taken to belong to one call alone; `call_1` does not."""
    number = call_id.lstrip("abcdefghijklmnopqrstuvwxyz_-.:")
    counted = len(number) < _LEAST_UNIQUE and number.isdigit()
    return len(call_id) >= _LEAST_UNIQUE and not call_id.startswith(_MADE) and not counted


def described(before: bytes, name: str, arguments: str | bytes) -> str:
    """What a tool call is recognised by that has no id: what it is, and what was said before the answer that it is in.

    `arguments`: as JSON, in any order and layout.
    """
    try:
        arguments = _encode(_decode(arguments))
    except (msgspec.DecodeError, ValueError, RecursionError):
        arguments = b""
    return blake2b(
        before + name.encode(errors="surrogatepass") + b"\0" + arguments, digest_size=16
    ).hexdigest()


def text_of(parts: Iterable[Any]) -> str:
    """The words in some parts."""
    return "".join(part.text for part in parts if isinstance(part, Text | Refusal))
