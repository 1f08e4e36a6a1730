"""Examples side by side in one sequence, without a token of padding.

What all of them begin with (instructions, most often) stands there once: each example sees that beginning and itself,
and no other example, at the positions it would have alone. So the model computes the same for each, of fewer tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from freehold.train.conversations import Example


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """One sequence of several examples."""

    tokens: list[int]
    positions: list[int]
    """Of each token within its own example."""
    owner: list[int]
    """Which example each token belongs to, counted from 1; 0: the beginning that all share."""
    predicting: list[int]
    """Where in the sequence something is learned: at these places the next token is to be foretold …"""
    targets: list[int]
    """… and this is the one."""
    read: int
    """Tokens that it would be if each example stood alone."""


def pack(examples: Sequence[Example]) -> Pack:
    """All of these in one sequence."""
    shared = _common(
        [example.prompt[:-1] for example in examples]
    )  # after the last one something is foretold
    tokens = list(examples[0].prompt[:shared])
    positions, owner = list(range(shared)), [0] * shared
    predicting: list[int] = []
    targets: list[int] = []
    for number, example in enumerate(examples, 1):
        rest = [*example.prompt[shared:], *example.answer[:-1]]
        begin = len(tokens)
        tokens += rest
        positions += range(shared, shared + len(rest))
        owner += [number] * len(rest)
        first = begin + len(example.prompt) - shared - 1
        predicting += range(first, first + len(example.answer))
        targets += example.answer
    return Pack(
        tokens=tokens,
        positions=positions,
        owner=owner,
        predicting=predicting,
        targets=targets,
        read=sum(len(example) for example in examples),
    )


def packs(examples: Sequence[Example], longest: int) -> list[Pack]:
    """These in as few sequences of at most `longest` tokens as is easily done; one that is longer stands alone."""
    made: list[Pack] = []
    together: list[Example] = []
    shared = alone = 0
    for example in sorted(examples, key=lambda one: one.prompt):  # so that what begins alike is together
        before, shared = shared, len(example.prompt) - 1
        if together:
            shared = _common([example.prompt[:-1], together[0].prompt[:before]])
            if alone + len(example) - 1 - len(together) * shared > longest:
                made.append(pack(together))
                together, alone, shared = [], 0, len(example.prompt) - 1
        together.append(example)
        alone += len(example) - 1
    return [*made, pack(together)] if together else made


def steps_of(examples: Sequence[Example], *, batch: int, epochs: int, seed: int) -> Iterator[list[Example]]:
    """What each step learns from: all examples in a new order each time through, `batch` at a time."""
    for epoch in range(epochs):
        order = list(examples)
        random.Random(f"{seed} {epoch}").shuffle(order)
        for at in range(0, len(order), batch):
            yield order[at : at + batch]


def _common(beginnings: Sequence[tuple[int, ...]]) -> int:
    """How many tokens all of them begin with."""
    first, last = min(beginnings), max(beginnings)  # those between them have in common what these two have
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return at
    return min(len(first), len(last))
