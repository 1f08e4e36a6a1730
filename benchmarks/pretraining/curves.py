"""Models of several sizes learn from the same tokens in the same order; each curve is foretold from its first part."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from benchmarks.gateway.environments import say
from freehold.train.catalogue import defaults_of, fitted
from freehold.train.data.shelf import Dataset
from freehold.train.order import Order
from freehold.train.recipes.pretrain import train

from .fitting import Law, fit

SIZES = {"narrow": 32, "middle": 64, "wide": 128}
"""Width of each model; all have two layers."""
SHARED = {
    "vocabulary": 1024,
    "layers": 2,
    "heads": 4,
    "context": 128,
    "batch": 8,
    "learning_rate": 4e-3,
    "schedule": "wsd",
    "decay": 0.0,
    "measure_every": 10,
    "held_out": 32,
    "save_minutes": 60.0,
}
"""Without a fall of the learning rate at the end, which bends every curve."""
TOKENS = 800_000
FROM, TO = 0.35, 0.7
"""The part of a curve that the law is fitted to. Before it lies a plateau, on which only how often each token comes is
learned, and no law holds; behind it is what is foretold.
"""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One model's losses on held-out text."""

    name: str
    parameters: int
    tokens: list[int]
    losses: list[float]
    bits_per_byte: float
    """At the end."""
    law: Law
    foretold: float
    """The loss at the end, from the first part."""
    error: float
    """The mean distance between law and curve over what was foretold, as a share of the curve."""


class Watch:
    """Notes the held-out losses."""

    stopping = False

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.losses: list[float] = []

    def begin(self, steps: int, *, done: int = 0) -> None:
        """Nothing to prepare."""

    def step(self, step: int, *, tokens: int | None = None, **values: float) -> None:
        """Keep what is measured."""
        if tokens and "held_out_loss" in values:
            self.tokens.append(tokens)
            self.losses.append(values["held_out_loss"])


def curve(name: str, dataset: Dataset, folder: Path, tokens: int = TOKENS) -> Curve:
    """Train the model of that size, and foretell its end."""
    say(f"the {name} model")
    dials = fitted("pretrain", defaults_of("pretrain") | SHARED | {"width": SIZES[name], "tokens": tokens})
    run = folder / name
    run.mkdir(parents=True)
    for made in (folder / next(iter(SIZES))).glob("token*"):  # tokenizer and tokens are the same for all
        if not (run / made.name).exists():
            shutil.copytree(made, run / made.name)
    watch = Watch()
    outcome = train(Order(folder=run, dataset=dataset, base=None, seed=1, data=folder), dials, watch)  # type: ignore[arg-type]
    first = [at for at, done in enumerate(watch.tokens) if FROM * tokens <= done <= TO * tokens]
    rest = [at for at, done in enumerate(watch.tokens) if done > TO * tokens]
    law = fit([watch.tokens[at] for at in first], [watch.losses[at] for at in first])
    off = [abs(law.at(watch.tokens[at]) - watch.losses[at]) / watch.losses[at] for at in rest]
    found = Curve(
        name=name,
        parameters=int(outcome.results["parameters"]),
        tokens=watch.tokens,
        losses=watch.losses,
        bits_per_byte=outcome.results["bits_per_byte"],
        law=law,
        foretold=law.at(watch.tokens[-1]),
        error=sum(off) / len(off),
    )
    say(
        f"{name}: {found.parameters:,} parameters, loss {found.losses[-1]:.3f}, foretold {found.foretold:.3f}, "
        f"mean error {found.error:.2%}"
    )
    return found
