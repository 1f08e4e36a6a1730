"""What is usually done instead, as a control: roll back as soon as a normal test at 5 % says that there is harm."""

from __future__ import annotations

import math
import random

from benchmarks.rollouts.worlds import World, call_of
from freehold.rollout.gates.history import Sample
from freehold.rollout.observed import Observation
from freehold.rollout.policy import RolloutPolicy
from freehold.routing.decisions import Situation
from freehold.routing.routes import Target

_INTERVAL = 20
_SHARE = 0.25
_ENOUGH = 1.645
_LEAST = 30
OLD, NEW = Target("old", "model"), Target("new", "model")


def rolls_back(world: World, seed: int, *, conversations: int) -> bool:
    """Whether a test of each measure, looked at every ten seconds, ever says at 5 % that the candidate is worse."""
    chance = random.Random(seed)
    policy = RolloutPolicy(f"rollout_{seed:032x}", OLD, NEW, _SHARE, 0)
    arms = {arm: [_Moments() for _ in range(4)] for arm in ("incumbent", "candidate")}
    for number in range(conversations):
        seen = call_of(world, policy.decide(Situation("r", (OLD,), f"conversation {number}")), number, chance)
        for moments, value in zip(arms[seen.arm], _values(seen), strict=True):
            if value is not None:
                moments.add(value)
        if number % _INTERVAL == 0 and any(map(_is_worse, arms["incumbent"], arms["candidate"])):
            return True
    return False


def _values(seen: Observation) -> list[float | None]:
    seconds = None if seen.seconds is None else math.log(seen.seconds)
    dollars = None if seen.dollars is None else math.log(seen.dollars)
    return [float(seen.failed), seconds, dollars, float(seen.declined)]


class _Moments(Sample):
    squares: float = 0.0

    def add(self, value: float) -> None:
        super().add(value)
        self.squares += value * value

    @property
    def variance_of_mean(self) -> float:
        mean = self.total / self.n
        return max(0.0, self.squares / self.n - mean * mean) / self.n


def _is_worse(old: _Moments, new: _Moments) -> bool:
    if old.n < _LEAST or new.n < _LEAST:
        return False
    variance = old.variance_of_mean + new.variance_of_mean
    return variance > 0.0 and (new.total / new.n - old.total / old.n) / math.sqrt(variance) > _ENOUGH
