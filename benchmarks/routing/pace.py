"""What a decision takes: reading the text and predicting, by the policy that decides for calls."""

from __future__ import annotations

import os
from time import perf_counter
from typing import NamedTuple

import numpy as np

from benchmarks.routing.data import Field
from freehold.routing.decisions import Situation
from freehold.routing.learned.model import Model
from freehold.routing.learned.router import About, Certificate, Router, Seen
from freehold.routing.learned.training import train
from freehold.routing.policies.learned import Learned
from freehold.routing.routes import Target

LONG = ("\n" * 100_000, "1" * 100_000, "a. " * 40_000, "\nA. " * 30_000, "(" * 100_000, "🎉" * 100_000)
"""Prompts made to take long."""


class Pace(NamedTuple):
    """Milliseconds of one core."""

    median: float
    p99: float
    longest: float
    """The median of ten decisions about the slowest of `LONG`."""
    prompts: int


def pace_of(field: Field) -> Pace:
    """Decisions about the prompts that were not trained on, one after the other."""
    half = len(field.prompts) // 2
    labels = (field.differences[:half] < 0).astype(float)
    policy = Learned(_router(field, train(field.prompts[:half], labels).model))
    one_core = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(one_core)})
    try:
        took = np.array([_took(policy, prompt) for prompt in field.prompts[half:]])
        longest = max(float(np.median([_took(policy, prompt) for _ in range(10)])) for prompt in LONG)
    finally:
        os.sched_setaffinity(0, one_core)
    return Pace(float(np.median(took)), float(np.quantile(took, 0.99)), longest, len(took))


def _took(policy: Learned, prompt: str) -> float:
    situation = Situation("bench", (Target("a", "incumbent"),), "", prompt=prompt)
    began = perf_counter()
    policy.decide(situation)
    return (perf_counter() - began) * 1e3


def _router(field: Field, model: Model) -> Router:
    nothing = Certificate(
        risk=0.05, confidence=0.95, tolerance=0.0, trained=0, certified=0, worse=0, share=0.0, saving=0.0,
        best_single=None, best_drawn=None,
    )  # fmt: skip
    names = tuple(f"b/{name}" for name in field.models)
    about = About(
        route="bench", incumbent="a/incumbent", models=names, chosen=names, threshold=0.1, certificate=nothing,
        seen=Seen((), (0,)), source="", made_us=0,
    )  # fmt: skip
    return Router(about, model, "0" * 64)
