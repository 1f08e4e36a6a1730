"""Invented traffic: how two models do, and how people and judges take it."""

from __future__ import annotations

import math
import random

import msgspec

from freehold.rollout.gates.panel import Compared
from freehold.rollout.observed import Observation
from freehold.routing.decisions import Decision


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """How a model does."""

    failing: float = 0.02
    """Share of calls that it does not answer."""
    declining: float = 0.01
    losing: float = 0.1
    """Share of calls of which something is lost."""
    seconds: float = 0.8
    """Median until the first word; the logarithm's standard deviation is 0.7."""
    dollars: float = 0.004
    """Median; the logarithm's standard deviation is 1."""
    score: float = 0.8
    """Share of answers that are good."""
    hangs: bool = False
    """Whether it says nothing: its callers hang up, or its time limit passes."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Two models, and those who judge them."""

    name: str
    candidate: Model
    incumbent: Model = Model()
    discordant: float = 0.1
    """Share of judged pairs of which one answer is better, where both are equally good."""
    voting: float = 0.03
    """Share of conversations on which somebody votes."""
    praising: float = 1.0
    """Share of those content who vote as well; 0: people only complain."""
    judged: bool = True


_WAVE = 20_000
"""Conversations in a day: at its height everything is slower and fails half as often again."""


def call_of(world: World, decision: Decision, number: int, chance: random.Random) -> Observation:
    """The first call of conversation `number`, as the ledger would tell it."""
    assert decision.arm is not None
    model = world.candidate if decision.arm == "candidate" else world.incumbent
    load = 1.0 + 0.5 * math.sin(2.0 * math.pi * number / _WAVE)
    failed = model.hangs or chance.random() < model.failing * load
    waited = 30.0 if model.hangs else None
    seconds = waited if failed else model.seconds * load * math.exp(chance.gauss(0.0, 0.7))
    facts = decision.facts
    draw, share, stage = facts["draw"], facts["share"], facts["stage"]
    assert isinstance(share, int | float)
    assert isinstance(stage, int)
    return Observation(
        arm=decision.arm,
        unit=repr(draw),
        share=share,
        stage=stage,
        failed=failed,
        seconds=seconds,
        dollars=model.dollars * math.exp(chance.gauss(0.0, 1.0)),
        declined=not failed and chance.random() < model.declining,
        lossy=chance.random() < model.losing,
    )


def pair_of(world: World, number: int, stage: int, chance: random.Random) -> Compared:
    """A copied call."""
    old, new = world.incumbent, world.candidate
    failures = chance.random() < old.failing, new.hangs or chance.random() < new.failing
    failed = any(failures)
    both = None if failed else _both(world, chance)
    return Compared(
        unit=str(number),
        stage=stage,
        failed=failures,
        seconds=both and both[0],
        dollars=both and both[1],
        declined=None if failed else (chance.random() < old.declining, chance.random() < new.declining),
        lossy=None if failed else (chance.random() < old.losing, chance.random() < new.losing),
        difference=float(failures[0] - failures[1]) if failed else _difference(world, chance),
        judged=world.judged,
    )


def _both(world: World, chance: random.Random) -> tuple[tuple[float, float], tuple[float, float]]:
    old, new = world.incumbent, world.candidate
    length = chance.gauss(0.0, 0.8)  # of one question, both answers are long
    seconds = tuple(one.seconds * math.exp(chance.gauss(0.0, 0.7)) for one in (old, new))
    dollars = tuple(one.dollars * math.exp(length + chance.gauss(0.0, 0.6)) for one in (old, new))
    return (seconds[0], seconds[1]), (dollars[0], dollars[1])


def _difference(world: World, chance: random.Random) -> float:
    """What a judge says: ties, but for the share that is discordant and what the candidate is worse by."""
    worse = world.incumbent.score - world.candidate.score
    drawn = chance.random()
    if drawn < world.discordant / 2 + max(0.0, worse):
        return -1.0
    return 1.0 if drawn > 1.0 - world.discordant / 2 - max(0.0, -worse) else 0.0


def vote_of(world: World, seen: Observation, chance: random.Random) -> float | None:
    """What somebody says of a call; None: nobody votes."""
    if chance.random() >= world.voting:
        return None
    model = world.candidate if seen.arm == "candidate" else world.incumbent
    if seen.failed or chance.random() >= model.score:
        return 0.0
    return 1.0 if chance.random() < world.praising else None
