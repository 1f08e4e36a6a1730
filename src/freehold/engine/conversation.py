"""Which conversation a request belongs to, and where in it it stands: in the middle of a tool loop, holding state.

Nothing that is said is kept, only digests of it: of who is asked, and of what was said before each answer. A client
sends the conversation whole each time, so that what stood before an answer tells which answer it is, also where
nobody gave anything a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from freehold.core.parts import Message, State
from freehold.engine.conversation_history import SYSTEM, Answered, History, text_of
from freehold.engine.conversation_names import Names, names_of
from freehold.wire.request import Request

MOST_ANSWERS = 16
"""Of a conversation's answers, so many of the newest can be recognised."""
_BOUND = ("cachedContent", "cached_content", "container", "previous_response_id", "conversation")
"""Fields that name what one provider keeps."""

ToldBy = Literal["conversation", "opening", "user", "key"]
"""What calls are held together by: a name that the client gave, the words it began with, its user, its key."""


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

    `route` names it, and may hold a secret besides. `heading`: its name, where the client put it beside the request.
    `reads`: characters of the prompt that are wanted.
    Raises BadRequest for a request that is not understood.
    """
    asked = request.decoded()
    names = names_of(request, asked, heading)
    sticky, told_by = _sticky(names, asked.messages, key_id or "")
    history = History(f"{route}\0{key_id or ''}", trusts_ids=not asked.legacy)
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
    said = "" if first is None else text_of(first.parts)
    if said:
        # Whoever names a cache may use one for many conversations, so the name alone does not hold them together.
        beside = names.cache or "\0".join(text_of(one.parts) for one in messages if one.role in SYSTEM)
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
    asked = [one for one in messages if one.role == "user" and text_of(one.parts)]
    return text_of(asked[-1].parts)[:most] if asked else None


def _digest(*words: str) -> str:
    whole = "\0".join(words).encode(errors="surrogatepass")
    return blake2b(whole, digest_size=16).hexdigest()
