"""What a step left behind whose command, or whoever ran it, was killed: a command that goes on with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from freehold.train.owning.commands import with_config
from freehold.train.owning.loop import Loop, StepName
from freehold.train.owning.running import Ran

_STANDING = {"running", "paused", "finished"}
"""States of a rollout that decides who answers."""


def left_by(loop: Loop, step: StepName, run: Callable[[tuple[str, ...]], Ran]) -> tuple[str, ...] | None:
    """The command that goes on with it; None: its own does, as making a suite, a dataset, an export or a comparison
    again makes no second one, and a comparison goes on where it was.
    """
    if step == "train":
        return _training(loop, run)
    if step == "rollout":
        return _rollout(loop, run)
    return None


def _training(loop: Loop, run: Callable[[tuple[str, ...]], Ran]) -> tuple[str, ...] | None:
    begun_us = loop.record("train").begun_us or 0
    for one in _listed(run(with_config(loop, ["train", "list"]))):
        ours = one["name"] == loop.wish.name and one["dataset"] == loop.found("data")
        if not ours or one["begun_us"] < begun_us:
            continue
        if one["state"] == "finished":
            return with_config(loop, ["train", "show", one["id"]])
        return with_config(loop, ["train", "resume", one["id"]])
    return None


def _rollout(loop: Loop, run: Callable[[tuple[str, ...]], Ran]) -> tuple[str, ...] | None:
    candidate = f"own/{loop.wish.name}"
    for one in _listed(run(with_config(loop, ["rollout", "list"]))):
        ours = one["route"] == loop.wish.route and one["candidate"] == candidate
        if ours and one["state"] in _STANDING:
            return with_config(loop, ["rollout", "status", one["id"]])
    return None


def _listed(ran: Ran) -> Iterator[dict[str, Any]]:
    for line in ran.printed.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
