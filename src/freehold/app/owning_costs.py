"""What the next step of a loop would take, as far as that is known before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.core.errors import FreeholdError
from freehold.core.figures import counted, money
from freehold.train.owning.commands import command_of
from freehold.train.owning.loop import Loop, StepName
from freehold.train.owning.running import run
from freehold.train.run import Run, Runs

if TYPE_CHECKING:
    from freehold.config.settings import Settings

_NOBODY_ASKED = "no money: no model is asked"


def cost_of(settings: Settings, loop: Loop, step: StepName) -> str:
    """A sentence. Unknown is said to be unknown."""
    if step in {"sample", "data"}:
        return f"{_NOBODY_ASKED}. It reads the calls on record, for seconds or minutes."
    if step == "train":
        return f"no money: it takes this machine's processors. {_training(settings, loop)}"
    if step == "export":
        return "no money: it takes this machine's processors, for minutes."
    if step == "compare":
        return _comparing(loop)
    return (
        "no money for the candidate, which this machine runs; a judge of the copies, where one is told with `--also`, "
        "costs what its calls do."
    )


def _training(settings: Settings, loop: Loop) -> str:
    rows = _rows(settings, loop.found("data"))
    for folder in Runs(settings.data).list():
        try:
            done = folder.read()
        except FreeholdError:
            continue
        took = _minutes_a_row(settings, done)
        if took is not None and (done.recipe, done.base) == (loop.wish.recipe, loop.wish.base) and rows:
            return (
                f"{counted(rows, 'row')}; by its rows about {took * rows:,.0f} minutes, as the run `{done.id}` took "
                f"{took * _rows(settings, done.dataset or ''):,.0f}, if the dials are the same."
            )
    known = f"{counted(rows, 'row')}; how" if rows else "How"
    return f"{known} long is not known before the first run."


def _rows(settings: Settings, dataset: str) -> int:
    from freehold.train.data.shelf import DatasetShelf  # noqa: PLC0415 - needed for this step alone

    try:
        return DatasetShelf(settings.data).find(dataset).manifest.rows.get("train", 0)
    except FreeholdError:
        return 0


def _minutes_a_row(settings: Settings, done: Run) -> float | None:
    rows = _rows(settings, done.dataset or "")
    if done.state != "finished" or done.ended_us is None or not rows:
        return None
    return (done.ended_us - done.begun_us) / 60e6 / rows


def _comparing(loop: Loop) -> str:
    """What `compare --plan-only` says, which asks nobody."""
    command = command_of(loop, "compare")
    ran = run((*command[:-1], "--plan-only", "--json"))
    plan: dict[str, Any] | None = ran.last
    if ran.status or plan is None:
        return f"not known: `compare --plan-only` says: {ran.said.strip() or ran.status}"
    worst = money(None if plan["worst"] is None else _decimal(plan["worst"]))
    judges = f", and what {', '.join(plan['judges'])} as a judge costs" if plan["judges"] else ""
    at_most = f"{worst} at the most" if plan["worst"] is not None else "an unknown amount"
    return f"{at_most}{judges}, over {counted(plan['cases'], 'case')} at the most; it stops when the verdict is sure."


def _decimal(amount: Any) -> Any:
    from decimal import Decimal  # noqa: PLC0415 - needed for this step alone

    return Decimal(str(amount))
