"""Routers that are made within a second: prompts of two kinds, one of which a cheap model gets wrong."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import numpy.typing as npt

from freehold.routing.learned.designs import Labels
from freehold.routing.learned.model import Model
from freehold.routing.learned.router import About, Certificate, Router, Seen
from freehold.routing.learned.training import Trained, train

EASY = ("capital of France", "colour of grass", "first month", "opposite of hot", "sum of 1 and 1")
HARD = ("integral of exp(-x^2)", "proof of Fermat", "limit of (1 + 1/n)^n", "roots of x^5 - x + 1")


def prompt(number: int) -> tuple[str, bool]:
    """A question, and whether it is hard. Every third one is."""
    chance = random.Random(number)
    hard = number % 3 == 0
    of = chance.choice(HARD if hard else EASY)
    return f"{chance.choice(('What is', 'Tell me', 'Explain'))} the {of}? ({number})", hard


def labels_of(many: int, *, first: int = 0) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Prompts, and 1 where the cheap model's answer is worse: mostly at hard ones."""
    made = [prompt(number) for number in range(first, first + many)]
    chance = random.Random(first)
    worse = [float(chance.random() < (0.8 if hard else 0.02)) for _, hard in made]
    return [text for text, _ in made], np.array(worse)[:, None]


@cache
def trained(many: int = 300) -> Trained:
    """A model of the cheap model's mistakes."""
    return train(*labels_of(many))


def held(many: int, *, first: int) -> Labels:
    """Labels that it was not trained on."""
    prompts, worse = labels_of(many, first=first)
    model = trained().model
    return Labels(np.array([model.predict(one) for one in prompts], np.float64), worse > 0)


def about(
    *,
    threshold: float | None = 0.3,
    share: float = 0.6,
    seen: Seen | None = None,
    route: str = "chat",
    incumbent: str = "one/dear",
    model: str = "two/cheap",
    risk: float = 0.05,
) -> About:
    """What a router says of itself."""
    certificate = Certificate(
        risk=risk,
        confidence=0.95,
        tolerance=0.0,
        trained=300,
        certified=300,
        worse=3,
        share=share,
        saving=share / 2,
        best_single=None,
        best_drawn=None,
    )
    return About(
        route=route,
        incumbent=incumbent,
        models=(model,),
        chosen=(model,),
        threshold=threshold,
        certificate=certificate,
        seen=seen or Seen((), (0,)),
        source="suite words",
        made_us=1_000_000,
    )


def router(model: Model | None = None, **said: object) -> Router:
    """A router for `chat`, which was never written to a file."""
    return Router(about(**said), model or trained().model, "f" * 64)  # type: ignore[arg-type]
