"""What an answer is made of, before any dialect: thoughts, text, tool calls, an end; and the pauses between them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from msgspec import Struct

from freehold.providers.simulated.asking import Ask, described
from freehold.providers.simulated.dice import Dice, draw
from freehold.providers.simulated.faults import Endless, Huge
from freehold.providers.simulated.schemas import instance_of
from freehold.providers.simulated.script import (
    Behaviour,
    Describe,
    Echo,
    Lorem,
    Reasoning,
    Recite,
    ToolCall,
    UsageNumbers,
)
from freehold.providers.simulated.turns import Turn
from freehold.providers.simulated.words import count_tokens, lorem, lorem_bytes, recital_from, tokens_of

STAND_IN = "\ue000\ue001\ue000"
"""Stands where text too long to be built goes in later."""


class Thinking(Struct, frozen=True, gc=False):
    """Some more of what is thought. `section` counts the sections of a summary; -1 is the reasoning itself."""

    piece: str
    tokens: int
    section: int
    shown: str
    """The piece where there are no sections: all of them together are `thoughts`."""


class Thoughtful(Struct, frozen=True, gc=False):
    """The reasoning is complete."""


class Text(Struct, frozen=True, gc=False):
    """Some more of the text."""

    piece: str
    tokens: int


class Declined(Struct, frozen=True, gc=False):
    """Some more of a refusal."""

    piece: str
    tokens: int


class ToolOpened(Struct, frozen=True, gc=False):
    """A tool call begins."""

    index: int
    id: str
    name: str


class ToolPiece(Struct, frozen=True, gc=False):
    """Some more of its arguments."""

    index: int
    arguments: str


class Finished(Struct, frozen=True, gc=False):
    """The answer is complete."""

    reason: str
    usage: UsageNumbers | None
    """None: the script wants it missing."""
    stopped_by: str | None = None
    """The stop sequence that ended it."""


Happening = Thinking | Thoughtful | Text | Declined | ToolOpened | ToolPiece | Finished


class Answer(Struct):
    """All that happened."""

    text: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = []
    """Id, name and arguments."""
    end: Finished = Finished("stop", None)


def gathered(happened: list[Happening]) -> Answer:
    """What a whole answer is made of."""
    answer = Answer()
    pieces: list[list[str]] = []
    for one in happened:
        match one:
            case Text(piece=piece):
                answer.text += piece
            case Declined(piece=piece):
                answer.refusal += piece
            case ToolOpened(id=identifier, name=name):
                answer.calls.append((identifier, name, ""))
                pieces.append([])
            case ToolPiece(index=index, arguments=arguments):
                pieces[index].append(arguments)
            case Finished():
                answer.end = one
    answer.calls = [
        (identifier, name, "".join(found))
        for (identifier, name, _), found in zip(answer.calls, pieces, strict=True)
    ]
    return answer


def tokens_in(one: Happening) -> int:
    """How many tokens it stands for."""
    match one:
        case Text(tokens=tokens) | Thinking(tokens=tokens) | Declined(tokens=tokens):
            return tokens
        case ToolPiece(arguments=arguments):
            return count_tokens(arguments) or 1
        case ToolOpened():
            return 1
        case _:
            return 0


def thoughts(reasoning: Reasoning) -> str:
    """All that is shown of it, as one text."""
    return reasoning.text or "\n\n".join(reasoning.summary)


def happenings(ask: Ask, turn: Turn) -> Iterator[Happening | float]:  # noqa: PLR0912 - in the order of what happens
    """Everything that happens in one answer, in order. Floats are seconds to wait."""
    behaviour, dice = turn.behaviour, turn.dice
    if pause := draw(behaviour.first_token_s, dice):
        yield pause
    written, thought = 0, 0
    if behaviour.reasoning is not None:
        for one in _thinking(behaviour.reasoning, behaviour, dice):
            yield one
            thought += 0 if isinstance(one, float) else tokens_in(one)
        written = thought
    calls = () if behaviour.refusal is not None else behaviour.tool_calls or _forced(ask, behaviour, dice)
    reason, stopped_by = ("tool_calls" if calls else "stop"), None
    kind = Text if behaviour.refusal is None else Declined
    text, stopped_by = _text(ask, turn, calls)
    limit = None if isinstance(turn.fault, Endless) or isinstance(behaviour.text, Describe) else ask.limit
    waiting: list[str] = []
    for token in text:
        if limit is not None and written + len(waiting) >= limit:
            reason, stopped_by = "length", None
            break
        waiting.append(token)
        if len(waiting) < behaviour.chunk_tokens:
            continue
        if written:
            yield from _pace(behaviour, dice, len(waiting))
        written += len(waiting)
        yield kind("".join(waiting), len(waiting))
        waiting.clear()
    if waiting:
        if written:
            yield from _pace(behaviour, dice, len(waiting))
        written += len(waiting)
        yield kind("".join(waiting), len(waiting))
    for index, call in enumerate(calls):
        if written:
            yield from _pace(behaviour, dice, 1)
        written += 1
        yield ToolOpened(index, call.id or f"{ask.call_prefix}{dice.bits():016x}", call.name)
        for piece in _split(call.arguments, call.pieces):
            yield from _pace(behaviour, dice, 1)
            arguments = ToolPiece(index, piece)
            written += tokens_in(arguments)
            yield arguments
    if stopped_by is not None and not calls:
        reason = "stop_sequence"
    if behaviour.refusal is not None:
        reason = "refusal"
    usage = _usage(behaviour, ask, written, thought)
    yield Finished(behaviour.finish_reason or reason, usage, stopped_by)


def _thinking(reasoning: Reasoning, behaviour: Behaviour, dice: Dice) -> Iterator[Happening | float]:
    sections = [(-1, reasoning.text)] if reasoning.text else []
    sections += enumerate(reasoning.summary)
    begun = False
    for section, text in sections:
        for place, token in enumerate(tokens_of(text)):
            if begun:
                yield from _pace(behaviour, dice, 1)
            begun = True
            shown = f"\n\n{token}" if section > 0 and not place else token
            yield Thinking(token, 1, section, "" if section >= 0 and reasoning.text else shown)
    yield Thoughtful()


def _forced(ask: Ask, behaviour: Behaviour, dice: Dice) -> tuple[ToolCall, ...]:
    """The call that the request demands where the script leaves it open."""
    if behaviour.text is not None or ask.choice != "required":
        return ()
    tool = next((one for one in ask.tools if not ask.allowed or one.name in ask.allowed), None)
    if tool is None:
        return ()
    return (ToolCall(tool.name, json.dumps(instance_of(tool.schema or {}, dice) or {}, ensure_ascii=False)),)


def _text(  # noqa: PLR0911 - one row for each kind of text
    ask: Ask, turn: Turn, calls: tuple[ToolCall, ...]
) -> tuple[Iterator[str], str | None]:
    """The text, token by token, and the stop sequence before which it ends."""
    text, fault, dice = turn.behaviour.text, turn.fault, turn.dice
    if isinstance(fault, Huge) or (isinstance(fault, Endless) and not ask.stream):
        if ask.framed and ask.stream and isinstance(fault, Huge):
            return iter((b"".join(lorem_bytes(fault.bytes, dice)).decode(),)), None
        return iter((STAND_IN,)), None
    if isinstance(fault, Endless):
        return lorem(dice), None
    if turn.behaviour.refusal is not None:
        return iter(tokens_of(turn.behaviour.refusal)), None
    if isinstance(text, Describe):
        return iter(tokens_of(described(ask))), None
    if text is None and not calls and (ask.json or ask.schema is not None):
        value = {"lorem": "ipsum"} if ask.schema is None else instance_of(ask.schema, dice)
        return iter(tokens_of(json.dumps(value, ensure_ascii=False))), None
    if isinstance(text, str | Echo):
        said = text if isinstance(text, str) else ask.said()
        places = [(said.index(stop), stop) for stop in ask.stop if stop and stop in said]
        place, stopped_by = min(places, default=(len(said), None))
        return iter(tokens_of(said[:place])), stopped_by
    if isinstance(text, Recite):
        told = [(one.role, one.text()) for one in ask.turns]
        return iter(tokens_of(recital_from(told, text.tokens))), None
    if text is None and calls:
        return iter(()), None
    words = lorem(dice)
    return (next(words) for _ in range((text or Lorem()).tokens)), None


def _pace(behaviour: Behaviour, dice: Dice, tokens: int) -> Iterator[float]:
    """The time that so many tokens take."""
    if behaviour.tokens_per_s is None:
        return
    pause = 0.0
    for _ in range(tokens):
        rate = draw(behaviour.tokens_per_s, dice)
        pause += 1.0 / rate if rate > 0 else 3600.0
    yield pause


def _split(text: str, pieces: int) -> list[str]:
    """`text` in at most so many parts of about one size."""
    size = max(1, -(-len(text) // pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _usage(behaviour: Behaviour, ask: Ask, written: int, thought: int) -> UsageNumbers | None:
    wanted = behaviour.usage
    if wanted == "missing":
        return None
    if isinstance(wanted, str):
        return UsageNumbers(ask.input_tokens(), written * ask.n, 0, 0, thought)
    return UsageNumbers(
        ask.input_tokens() if wanted.input_tokens is None else wanted.input_tokens,
        written * ask.n if wanted.output_tokens is None else wanted.output_tokens,
        wanted.cache_read_tokens or 0,
        wanted.cache_write_tokens or 0,
        thought if wanted.reasoning_tokens is None else wanted.reasoning_tokens,
    )
