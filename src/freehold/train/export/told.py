"""What a form of a model says to a question: how likely it takes each token of an answer, and what it would write."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class Probe(msgspec.Struct, frozen=True):
    """A prompt, and an answer to it whose every token a form is asked about. Both as ids of tokens."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    group: str


class Told(msgspec.Struct, frozen=True):
    """What a form says of one probe, token by token."""

    logs: tuple[float, ...]
    """Natural logarithm of the probability of each token of the answer, given all before it."""
    choices: tuple[int, ...]
    """The token that it would have written there itself."""
    sure: tuple[bool, ...] = ()
    """Whether it gives its own choice more than half of all probability. Empty: not asked."""

    @property
    def log(self) -> float:
        """Of the whole answer."""
        return math.fsum(self.logs)


class Written(msgspec.Struct, frozen=True):
    """What a form writes to one question by itself, always the likeliest token."""

    text: str
    ended: bool
    """Whether it ended by itself, and not at the limit."""


def perplexity_of(told: Sequence[Told]) -> float | None:
    """Of all answers together; None: there are none."""
    tokens = sum(len(one.logs) for one in told)
    return math.exp(-math.fsum(one.log for one in told) / tokens) if tokens else None


def agreement_of(one: Sequence[Told], other: Sequence[Told], *, where_sure: bool = False) -> float | None:
    """The share of tokens at which two forms would have written the same; None: there are none.

    `where_sure`: of those tokens alone at which `one` is sure.
    """
    same = total = 0
    for ours, theirs in zip(one, other, strict=True):
        certain = ours.sure if where_sure else (True,) * len(ours.choices)
        for mine, yours, counts in zip(ours.choices, theirs.choices, certain, strict=True):
            total += counts
            same += counts and mine == yours
    return same / total if total else None


def common_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two answers have in common before they part."""
    for place, (mine, yours) in enumerate(zip(one, other, strict=False)):
        if mine != yours:
            return place
    return min(len(one), len(other))
