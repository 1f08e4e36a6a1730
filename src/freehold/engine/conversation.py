"""Which conversation a request belongs to, and where in it it stands: in the middle of a tool loop, holding state.

Nothing that is said is kept, only digests of it: of who is asked, and of what was said before each answer. A client
sends the conversation whole each time, so that what stood before an answer tells which answer it is, also where
nobody gave anything a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from freehold.core.parts import Foreign, Media, Message, Part, Refusal, State, Text, ToolCall, ToolResult
from freehold.engine.conversation_names import Names, names_of
from freehold.wire.request import Request

MOST_ANSWERS = 16
"""Of a conversation's answers, so many of the newest can be recognised."""
_MOST_CALLS = 32
"""Tool calls of one answer that it is recognised by."""
_MADE = "call_gm"
"""What ids of tool calls begin with that the dialect of Gemini makes for places, not for calls."""
_LEAST_UNIQUE = 9
"""Characters that an id of a tool call has at least that belongs to one conversation alone."""
_BOUND = ("cachedContent", "cached_content", "container", "previous_response_id", "conversation")
"""Fields that name what one provider keeps."""

_decode: Any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode

ToldBy = Literal["conversation", "opening", "user", "key"]
"""What calls are held together by: a name that the client gave, the words it began with, its user, its key."""


class Answered(msgspec.Struct, frozen=True, gc=False):
    """One of the answers in a conversation."""

    before: bytes
    """A digest of what was said before it."""
    calls: tuple[str, ...] = ()
    """What its tool calls are recognised by, which no other answer has: their ids or, where those are not given, what
    they are behind these words.
    """


class Conversation(msgspec.Struct, frozen=True):
    """What is known of the conversation that a request belongs to."""

    sticky: str
    """The same for all of its calls."""
    told_by: ToldBy
    before: bytes
    """A digest of all that was said so far: by it the answer to this request is recognised in the next."""
    answers: tuple[Answered, ...] = ()
    """The newest first."""
    in_loop: int = 0
    """How many of them belong to a tool loop that is under way; 0: it is in none."""
    holds_state: bool = False
    """Whether there is something in it that only its maker, or one provider, can read."""
    state: State | None = None
    """Of that what was made last and says by whom."""
    state_is_new: bool = False
    """Whether it is in the newest answer."""
    continues: str | None = None
    """Id of the answer on record that it goes on from."""
    has_tools: bool = False
    """Whether the model may call tools, so that a loop can begin."""
    prompt: str | None = None
    """What the user asked last, as far as somebody reads it."""


def conversation_of(
    request: Request, *, key_id: str | None, route: str, heading: str | None, reads: int = 0
) -> Conversation:
    """The conversation that a request of a key on a route belongs to. Reads all of it: give large ones to a thread.

    `heading`: its name, where the client put it beside the request. `reads`: characters of the prompt that are wanted.
    Raises BadRequest for a request that is not understood.
    """
    asked = request.decoded()
    names = names_of(request, asked, heading)
    sticky, told_by = _sticky(names, asked.messages, key_id or "")
    history = _History(f"{route}\0{key_id or ''}", trusts_ids=not asked.legacy)
    for message in asked.messages:
        history.add(message)
    state = history.state or request.last_state()
    return Conversation(
        sticky=sticky,
        told_by=told_by,
        before=history.before_answer(),
        answers=tuple(reversed(history.answers[-MOST_ANSWERS:])),
        in_loop=min(history.loop(), MOST_ANSWERS),
        holds_state=state is not None or history.bound or _names_kept(request),
        state=state,
        state_is_new=history.state_at == len(history.answers) - 1 and history.state is not None,
        continues=request.continues,
        has_tools=bool(asked.tools),
        prompt=_prompt(asked.messages, reads) if reads else None,
    )


def _sticky(names: Names, messages: Sequence[Message], key_id: str) -> tuple[str, ToldBy]:
    if names.conversation is not None:
        return _digest("conversation", key_id, names.conversation), "conversation"
    first = next((one for one in messages if one.role == "user"), None)
    said = "" if first is None else _text(first.parts)
    if said:
        # Whoever names a cache may use one for many conversations, so the name alone does not hold them together.
        beside = names.cache or "\0".join(_text(one.parts) for one in messages if one.role in _SYSTEM)
        return _digest("opening", key_id, beside, said), "opening"
    if names.user is not None:
        return _digest("user", key_id, names.user), "user"
    return _digest("key", key_id), "key"


def _names_kept(request: Request) -> bool:
    fields = request.fields
    return request.continues is not None or any(
        name in fields and bytes(fields[name]) != b"null" for name in _BOUND
    )


def _prompt(messages: Iterable[Message], most: int) -> str | None:
    asked = [one for one in messages if one.role == "user" and _text(one.parts)]
    return _text(asked[-1].parts)[:most] if asked else None


_SYSTEM = ("system", "developer")


class _History:
    """Goes over the messages once, in their order."""

    def __init__(self, scope: str, *, trusts_ids: bool) -> None:
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
        if message.role in _SYSTEM:
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
        words = _text(message.parts).strip()
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
    except (msgspec.DecodeError, ValueError):
        arguments = b""
    return blake2b(
        before + name.encode(errors="surrogatepass") + b"\0" + arguments, digest_size=16
    ).hexdigest()


def _text(parts: Iterable[Any]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text | Refusal))


def _digest(*words: str) -> str:
    whole = "\0".join(words).encode(errors="surrogatepass")
    return blake2b(whole, digest_size=16).hexdigest()
