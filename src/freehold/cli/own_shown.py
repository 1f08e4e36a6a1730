"""A loop at the terminal, and for programs."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.cli.output import Column, Listing, fold, plain, say
from freehold.train.owning.commands import WHAT, command_of, typed
from freehold.train.owning.loop import STEPS, Loop, StepName

_NEEDS: dict[StepName, StepName] = {
    "train": "data",
    "export": "train",
    "compare": "sample",
}
"""Steps whose commands name what an earlier one found."""


def tell_next(loop: Loop, step: StepName, cost: str) -> None:
    """What a step would do and take, before it is done."""
    say(f"{STEPS.index(step) + 1} of {len(STEPS)}, {step}: {WHAT[step]}.")
    say(f"  command: {plain(typed(command_of(loop, step)))}")
    say(fold(f"  takes: {plain(cost)}", indent=9))


def tell_record(loop: Loop, step: StepName) -> None:
    """What came of it."""
    record = loop.record(step)
    say(fold(f"  {record.state}: {plain(record.told)} ({record.seconds:,.0f} s)", indent=4))


def tell_loop(loop: Loop) -> None:
    """How all of it stands."""
    columns = [
        Column("STEP"),
        Column("STATE"),
        Column("TOOK", right=True),
        Column("CAME TO", width=100),
    ]
    Listing(columns).write(
        (
            step,
            loop.record(step).state,
            f"{loop.record(step).seconds:,.0f} s" if loop.record(step).seconds else "-",
            loop.record(step).told or f"to come: {WHAT[step]}",
        )
        for step in STEPS
    )
    if (step := loop.next) is not None:
        if (record := loop.record(step)).state in (
            "failed",
            "refused",
        ):  # a narrow listing cuts the reason off
            say(fold(f"{record.state}: {plain(record.told)}", indent=2))
        say(f"next: {plain(typed(command_of(loop, step)))}")


def facts_of(loop: Loop) -> dict[str, Any]:
    """All of it, for programs. What is not known yet is null."""
    return {
        "route": loop.wish.route,
        "model": f"own/{loop.wish.name}",
        "next": loop.next,
        "begun_us": loop.begun_us,
        "wish": msgspec.to_builtins(loop.wish),
        "steps": [_step(loop, step) for step in STEPS],
    }


def _step(loop: Loop, step: StepName) -> dict[str, Any]:
    record = loop.record(step)
    needed = _NEEDS.get(step)
    known = needed is None or bool(loop.found(needed))
    command = record.command or (command_of(loop, step) if known else ())
    return {
        "step": step,
        "state": record.state,
        "does": WHAT[step],
        "command": typed(command) if command else None,
        "told": record.told or None,
        "found": record.found or None,
        "status": record.status,
        "begun_us": record.begun_us,
        "ended_us": record.ended_us,
        "seconds": record.seconds,
    }
