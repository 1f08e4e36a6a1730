"""A model's turn that comes back in pieces: clients keep every chunk of a stream as a content or part of its own."""

from __future__ import annotations

from freehold.core.parts import Message, Part, Reasoning, Text


def joined(messages: list[Message]) -> list[Message]:
    """The messages with neighbours of the model as one turn, whose words and thoughts are whole again."""
    turns: list[Message] = []
    for message in messages:
        before = turns[-1] if turns else None
        if before is None or not _goes_on(before, message):
            turns.append(message)
            continue
        for part in message.parts:
            _add(before.parts, part)
        before.plain = False
    for turn in turns:
        if turn.role == "assistant" and any(map(_ends_thought, turn.parts)):
            _close_thoughts(turn)
    return turns


def _goes_on(before: Message, message: Message) -> bool:
    return before.role == message.role == "assistant" and not before.extra and not message.extra


def _add(parts: list[Part], part: Part) -> None:
    """Puts what a chunk holds behind the others: it may be more of the last words, or nothing but the end."""
    last = parts[-1] if parts else None
    if isinstance(part, Text) and last is not None and not (part.text or part.state or part.extra):
        return
    if (
        isinstance(part, Text | Reasoning)
        and type(part) is type(last)
        and not (last.state or last.extra or part.state or part.extra)
    ):
        last.text += part.text
    else:
        parts.append(part)


def _close_thoughts(turn: Message) -> None:
    """Puts signatures that came behind a thought onto all of it."""
    parts: list[Part] = []
    for part in turn.parts:
        if isinstance(part, Reasoning) and _ends_thought(part):
            while parts and isinstance(before := parts[-1], Reasoning) and not (before.state or before.extra):
                part.text = before.text + part.text
                parts.pop()
        parts.append(part)
    turn.parts = parts


def _ends_thought(part: Part) -> bool:
    """Whether it is nothing but another provider's signature, as the end of a streamed thought is told."""
    if not isinstance(part, Reasoning) or part.text or part.extra or part.state is None:
        return False
    return part.state.origin is not None and part.state.kind != "redacted"
