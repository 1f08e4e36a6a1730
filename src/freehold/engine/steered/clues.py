"""By what it can be found out who made the answers that a conversation goes on from, the surest first."""

from __future__ import annotations

import msgspec

from freehold.engine.conversation import Conversation
from freehold.engine.steered.makers import key_of
from freehold.routing.decisions import LockKind
from freehold.routing.locks import FoundBy

_SOFT = 4
"""Answers that are looked back at where nothing depends on it."""


class Clue(msgspec.Struct, frozen=True, gc=False):
    """Something that was remembered under `key`, if it was."""

    key: bytes
    found_by: FoundBy
    newest: bool
    """It is about the newest answer, so that nothing else can know better."""

    @property
    def sure(self) -> bool:
        """Whether it is about this very answer: the same words may have been answered twice, by two models."""
        return self.newest and self.found_by in ("tool calls", "answer")


class Clues(msgspec.Struct, frozen=True):
    """What to look for, and what it would mean."""

    kind: LockKind
    clues: tuple[Clue, ...]
    waiting: bytes | None
    """Under this it is kept whom the answer before was asked of, while it was not there yet."""

    @property
    def keys(self) -> list[bytes]:
        """Everything to look for."""
        found = [one.key for one in self.clues]
        return found if self.waiting is None else [*found, self.waiting]


def clues_in(conversation: Conversation, *, route: str, scope: str) -> Clues:
    """What to look for. `scope`: the route, and the client's key."""
    kind: LockKind = "conversation"
    depth = _SOFT
    if conversation.in_loop:
        kind, depth = "tool_loop", conversation.in_loop
    elif conversation.holds_state:
        kind, depth = "state", len(conversation.answers)
    found: list[Clue] = []
    if conversation.continues is not None:
        found.append(Clue(key_of("answer", route, conversation.continues), "answer", newest=True))
    for place, answer in enumerate(conversation.answers[:depth]):
        newest = place == 0
        found += [Clue(key_of("tool call", scope, one), "tool calls", newest) for one in answer.calls]
        found.append(Clue(key_of("history", scope, answer.before), "history", newest))
    if conversation.told_by == "conversation" or (conversation.answers and conversation.told_by == "opening"):
        found.append(Clue(name_key(conversation, scope), "name", newest=not conversation.answers))
    waiting = None
    if conversation.answers:
        waiting = key_of("waiting", scope, conversation.answers[0].before)
    return Clues(kind, tuple(found), waiting)


def name_key(conversation: Conversation, scope: str) -> bytes:
    """Under what it is kept who answered a conversation last."""
    return key_of("name", scope, conversation.sticky)


def keys_of_answer(
    conversation: Conversation, calls: list[str], answer_id: str | None, *, route: str, scope: str
) -> list[bytes]:
    """Under what the maker of an answer is kept, so that `clues_in` the next request finds it.

    `answer_id`: by which a request can go on from it; None: none can.
    """
    keys = [
        key_of("history", scope, conversation.before),
        *(key_of("tool call", scope, one) for one in calls),
    ]
    if answer_id is not None:
        keys.append(key_of("answer", route, answer_id))
    if conversation.told_by == "conversation" or (
        conversation.told_by == "opening" and conversation.has_tools
    ):
        keys.append(name_key(conversation, scope))
    return keys


def is_worth_keeping(conversation: Conversation) -> bool:
    """Whether the answer may be gone on from in a way that matters: not after a single question without tools, which is
    the most that many endpoints are asked. What is said after it draws the same model again.
    """
    return bool(
        conversation.has_tools
        or conversation.holds_state
        or conversation.answers
        or conversation.told_by == "conversation"
    )


def waiting_key(conversation: Conversation, scope: str) -> bytes:
    """Under what it is kept whom an answer was asked of, while it is not there yet."""
    return key_of("waiting", scope, conversation.before)
