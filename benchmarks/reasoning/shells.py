"""The shell game: under which cup is the ball after some swaps? Easy to check, and hard to see at a glance."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from freehold.train.data.row import PEOPLE, Row, Split
from freehold.train.data.shelf import MANIFEST, VERSION_DIGITS, Dataset, DatasetShelf, Manifest, hash_of

CUPS = 7
SWAPS = (6, 9)
"""The fewest and the most."""
TOUCHING = 0.4
"""The share of swaps that are made sure to move the ball."""

Way = Literal["at once", "in leaps", "step by step"]
"""How somebody works a game out: not at all, only after every second swap, or after each."""


class Game(NamedTuple):
    """One game."""

    start: int
    swaps: tuple[tuple[int, int], ...]

    @property
    def question(self) -> str:
        """`3 1-4 3-5`: the ball's cup, and what is swapped."""
        return " ".join([str(self.start), *(f"{one}-{other}" for one, other in self.swaps)])

    @property
    def places(self) -> list[int]:
        """Where the ball is after each swap."""
        places, at = [], self.start
        for one, other in self.swaps:
            at = other if at == one else one if at == other else at
            places.append(at)
        return places

    @property
    def answer(self) -> str:
        """Where the ball is at the end."""
        return str(self.places[-1])

    def thought(self, way: Way) -> str:
        """The game worked out in this way."""
        said = []
        last = len(self.swaps) - 1
        for number, ((one, other), place) in enumerate(zip(self.swaps, self.places, strict=True)):
            told = way == "step by step" or number % 2 == 1 or number == last
            said.append(f"{one}-{other} {place}" if told else f"{one}-{other}")
        return "" if way == "at once" else " ".join(said)


def play(chance: random.Random) -> Game:
    """A game drawn at random."""
    start = at = chance.randint(1, CUPS)
    swaps = []
    for _ in range(chance.randint(*SWAPS)):
        one, other = chance.sample(range(1, CUPS + 1), 2)
        if chance.random() < TOUCHING:
            one, other = at, chance.choice([cup for cup in range(1, CUPS + 1) if cup != at])
        at = other if at == one else one if at == other else at
        swaps.append((min(one, other), max(one, other)))
    return Game(start, tuple(swaps))


def games(seed: int, but: frozenset[str] = frozenset()) -> Iterator[Game]:
    """Games without an end, each at most once, none whose question is among `but`."""
    chance, asked = random.Random(seed), set(but)
    while True:
        game = play(chance)
        if game.question not in asked:
            asked.add(game.question)
            yield game


def make_dataset(data: Path, train: list[Game], held_out: list[Game]) -> Dataset:
    """The games as a dataset on the shelf: questions with what is right, worked out by nobody."""
    rows: dict[Split, list[bytes]] = {
        "train": _lines("train", train),
        "held-out": _lines("held-out", held_out),
    }
    digest = hash_of(rows.items())
    folder = DatasetShelf(data).folder / "shells" / digest[:VERSION_DIGITS]
    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(
        name="shells",
        hash=digest,
        rows={split: len(lines) for split, lines in rows.items()},
        source="benchmarks/reasoning/shells.py",
        makers={PEOPLE: len(train) + len(held_out)},
        made_us=time.time_ns() // 1000,
        scorers=msgspec.Raw(b'[{"kind":"exact"}]'),
    )
    for split, lines in rows.items():
        (folder / f"{split}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return Dataset(folder)


def _lines(split: str, some: list[Game]) -> list[bytes]:
    return [msgspec.json.encode(_row(f"{split}-{number}", game)) for number, game in enumerate(some)]


def _row(name: str, game: Game) -> Row:
    return Row(
        id=name,
        request=_raw({"messages": [{"role": "user", "content": game.question}]}),
        answer=_raw({"role": "assistant", "content": game.answer}),
        maker=PEOPLE,
        origin="benchmarks/reasoning/shells.py",
        group=name,
        target=_raw(game.answer),
    )


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
