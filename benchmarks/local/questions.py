"""What is asked of each contestant, the same of all, and what is counted of the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """Times are of one clock, in seconds."""

    begun: float
    first: float
    """When the first piece came."""
    last: float
    read: int
    """Tokens of the prompt."""
    written: int
    cached: int
    """Tokens of the prompt that were not read again."""


@dataclass(frozen=True)
class Question:
    """One measurement."""

    words: int
    """Of the prompt; every other token is another word."""
    tokens: int
    """To be written."""
    streams: int = 1
    salt: int = 0
    """Another one makes another prompt from the first word on."""
    tail: int = 0
    """Another one makes another prompt from the last word on."""

    def bodies(self) -> Iterator[dict[str, Any]]:
        """One request for each stream."""
        for stream in range(self.streams):
            said = [f"w{(self.salt * 31 + stream * 7 + at * 7919) % 997}" for at in range(self.words)]
            yield {
                "model": "local/bench",
                "messages": [{"role": "user", "content": " ".join([*said, f"end{self.tail}"])}],
                "max_tokens": self.tokens,
                "temperature": 0,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }


READ = Question(words=170, tokens=1)
ONE = Question(words=4, tokens=64)
EIGHT = Question(words=4, tokens=32, streams=8)


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """Several at once as one."""
    found = list(outcomes)
    return Outcome(
        min(one.begun for one in found),
        min(one.first for one in found),
        max(one.last for one in found),
        sum(one.read for one in found),
        sum(one.written for one in found),
        sum(one.cached for one in found),
    )


def reading(outcome: Outcome) -> float:
    """Tokens of a prompt a second, from asking to the first word."""
    return (outcome.read - outcome.cached) / (outcome.last - outcome.begun)


def writing(outcome: Outcome) -> float:
    """Tokens a second of one stream, once it flows."""
    return (outcome.written - 1) / (outcome.last - outcome.first)


def serving(outcome: Outcome) -> float:
    """Tokens a second of all streams, from asking to the last word."""
    return outcome.written / (outcome.last - outcome.begun)
