"""What a step's command printed -> whether the loop may go on, why, and what later steps need of it."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from freehold.core.figures import counted
from freehold.train.owning.loop import Loop, StepName

LEAST_ROWS = 20
"""With fewer rows to learn from, a recipe learns them by heart."""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says."""

    passed: bool
    told: str
    found: str = ""


def gate_of(loop: Loop, step: StepName, printed: dict[str, Any]) -> Gate:
    """Of the last JSON line of a step's command. Raises KeyError, TypeError and the like where it says too little."""
    if step == "compare":
        return _compare(loop, printed)
    return {"sample": _sample, "data": _data, "train": _train, "export": _export, "rollout": _rollout}[step](
        printed
    )


def _sample(printed: dict[str, Any]) -> Gate:
    cases = counted(printed["cases"], "case")
    if not printed["scorers"]:
        return Gate(
            passed=False,
            told=f"The suite `{printed['name']}` has no scorer, so nothing can be measured on its {cases}.",
        )
    kinds = ", ".join(f"`{one['kind']}`" for one in printed["scorers"])
    told = f"{cases} in the suite `{printed['name']}`, scored by {kinds}."
    return Gate(passed=True, told=told, found=printed["hash"])


def _data(printed: dict[str, Any]) -> Gate:
    rows = printed["rows"]["train"]
    told = f"{counted(rows, 'row')} to learn from and {_aside(printed)} held out, in `{printed['dataset']}`."
    if rows < LEAST_ROWS:
        return Gate(passed=False, told=f"{told} Fewer than {LEAST_ROWS} are learned by heart.")
    return Gate(passed=True, told=told, found=printed["dataset"])


def _aside(printed: dict[str, Any]) -> int:
    """Rows that are not learned from."""
    return int(printed["rows"].get("held-out", 0))


def _train(printed: dict[str, Any]) -> Gate:
    if printed["state"] != "finished":
        return Gate(passed=False, told=f"The run `{printed['id']}` is `{printed['state']}`.")
    results = printed["results"]
    wrong = [name for name, value in results.items() if not math.isfinite(value)]
    if wrong:
        return Gate(passed=False, told=f"The run `{printed['id']}` came to no number in {', '.join(wrong)}.")
    figures = ", ".join(
        f"{name.replace('_', ' ')} {value:.3g}"
        for name, value in results.items()
        if "loss" in name or "reward" in name
    )
    return Gate(passed=True, told=f"The run `{printed['id']}`: {figures or 'finished'}.", found=printed["id"])


def _export(printed: dict[str, Any]) -> Gate:
    name = f"own/{printed['name']}"
    if printed["decision"] == "passes":
        told = f"`{name}` is as good as what was trained, within {printed['margin']:.0%}."
        return Gate(passed=True, told=told, found=name)
    wanting = [one["told"] for one in printed["findings"] if one["holds"] is not True]
    word = "was refused" if printed["decision"] == "refused" else "could not be proved"
    return Gate(passed=False, told=f"`{name}` {word}: {' '.join(wanting)}")


def _compare(loop: Loop, printed: dict[str, Any]) -> Gate:
    candidate = f"own/{loop.wish.name}"
    overall = [one for one in printed["verdicts"] if one["candidate"] == candidate and not one["task_class"]]
    if not overall:
        reason = printed["reason"] or "it was stopped"
        return Gate(passed=False, told=f"The comparison came to no verdict on `{candidate}`: {reason}.")
    verdict = overall[0]
    told = f"`{candidate}` {_WORDS[verdict['decision']]} `{verdict['incumbent']}`: {verdict['reason']}"
    return Gate(passed=verdict["decision"] == "replaces", told=told, found=str(printed["comparison"]))


_WORDS = {
    "replaces": "replaces",
    "does not replace": "does not replace",
    "undecided": "is undecided against",
}


def _rollout(printed: dict[str, Any]) -> Gate:
    told = f"The rollout `{printed['id']}` is `{printed['state']}` at `{printed['stage']}`."
    return Gate(passed=printed["state"] not in _LOST, told=told, found=printed["id"])


_LOST = {"rolled back", "aborted"}
