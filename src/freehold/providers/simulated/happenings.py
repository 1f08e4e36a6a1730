"""What an answer is made of, before any dialect: text, tool calls, an end; and the pauses between them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from freehold.providers.simulated.dice import Dice
from freehold.providers.simulated.faults import Endless, Huge
from freehold.providers.simulated.script import Behaviour, Echo, Lorem, UsageNumbers
from freehold.providers.simulated.spread import draw
from freehold.providers.simulated.turns import Turn
from freehold.providers.simulated.words import count_tokens, lorem, tokens_of

STAND_IN = "\ue000\ue001\ue000"
"""Stands where text too long to be built goes in later."""


class Ask(Struct, frozen=True):
    """What a request asks for, whatever its dialect."""

    model: str
    stream: bool = False
    include_usage: bool = False
    said: str = ""
    """The last user message."""
    input_tokens: int = 0
    limit: int | None = None
    """Most tokens the answer may have."""


class Text(Struct, frozen=True, gc=False):
    """Some more of the text."""

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


Happening = Text | ToolOpened | ToolPiece | Finished


def tokens_in(one: Happening) -> int:
    """How many tokens it stands for."""
    match one:
        case Text(tokens=tokens):
            return tokens
        case ToolPiece(arguments=arguments):
            return count_tokens(arguments) or 1
        case ToolOpened():
            return 1
        case _:
            return 0


def happenings(ask: Ask, turn: Turn) -> Iterator[Happening | float]:
    """Everything that happens in one answer, in order. Floats are seconds to wait."""
    behaviour, dice = turn.behaviour, turn.dice
    if pause := draw(behaviour.first_token_s, dice):
        yield pause
    written = 0
    endless = isinstance(turn.fault, Endless)
    reason = "tool_calls" if behaviour.tool_calls else "stop"
    waiting: list[str] = []
    for token in _tokens(ask, turn):
        if not endless and ask.limit is not None and written + len(waiting) >= ask.limit:
            reason = "length"
            break
        waiting.append(token)
        if len(waiting) < behaviour.chunk_tokens:
            continue
        if written:
            yield from _pace(behaviour, dice, len(waiting))
        written += len(waiting)
        yield Text("".join(waiting), len(waiting))
        waiting.clear()
    if waiting:
        if written:
            yield from _pace(behaviour, dice, len(waiting))
        written += len(waiting)
        yield Text("".join(waiting), len(waiting))
    for index, call in enumerate(behaviour.tool_calls):
        if written:
            yield from _pace(behaviour, dice, 1)
        written += 1
        yield ToolOpened(index, call.id or f"call_{dice.bits():016x}", call.name)
        for piece in _split(call.arguments, call.pieces):
            yield from _pace(behaviour, dice, 1)
            arguments = ToolPiece(index, piece)
            written += tokens_in(arguments)
            yield arguments
    yield Finished(behaviour.finish_reason or reason, _usage(behaviour, ask, written))


def _tokens(ask: Ask, turn: Turn) -> Iterator[str]:
    """The text, token by token."""
    text, fault = turn.behaviour.text, turn.fault
    if isinstance(fault, Huge) or (isinstance(fault, Endless) and not ask.stream):
        yield STAND_IN
    elif isinstance(fault, Endless):
        yield from lorem(turn.dice)
    elif isinstance(text, str):
        yield from tokens_of(text)
    elif isinstance(text, Echo):
        yield from tokens_of(ask.said)
    elif isinstance(text, Lorem) or not turn.behaviour.tool_calls:
        length = text.tokens if isinstance(text, Lorem) else Lorem().tokens
        words = lorem(turn.dice)
        for _ in range(length):
            yield next(words)


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


def _usage(behaviour: Behaviour, ask: Ask, written: int) -> UsageNumbers | None:
    wanted = behaviour.usage
    if wanted == "missing":
        return None
    if isinstance(wanted, str):
        return UsageNumbers(ask.input_tokens, written, 0, 0)
    return UsageNumbers(
        ask.input_tokens if wanted.input_tokens is None else wanted.input_tokens,
        written if wanted.output_tokens is None else wanted.output_tokens,
        wanted.cache_read_tokens or 0,
        wanted.reasoning_tokens or 0,
    )
