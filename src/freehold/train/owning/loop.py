"""A loop as it stands: what is wanted, and what came of each step."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

StepName = Literal["sample", "data", "train", "export", "compare", "rollout"]
STEPS: tuple[StepName, ...] = get_args(StepName)
"""In their order."""
State = Literal["open", "running", "stopped", "passed", "refused", "failed"]
"""
open     it has not begun
running  its command runs, or whoever ran it was killed
stopped  its command was told to end before it was done
passed   its gate let it through
refused  its gate did not
failed   its command could not do its work
"""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of a loop. It stays the same from its begin to its end, unless steps are gone back."""

    route: str
    name: str
    """Of the model: `own/NAME`. The dataset and the run are called so, too."""
    config: str | None = None
    """The configuration that every step reads, where one was told."""
    suite: str | None = None
    """What is measured on; None: it is sampled from the route's calls."""
    scorers: tuple[str, ...] = ()
    cases: int = 500
    sources: tuple[str, ...] = ()
    """What is learned from; none: the route's calls."""
    recipe: str = "sft"
    base: str = "local/smollm2-135m"
    dials: tuple[str, ...] = ()
    seed: int = 0
    form: str = "gguf:q8_0"
    budget: str | None = None
    """Dollars that the comparison may cost."""
    also: dict[StepName, tuple[str, ...]] = {}
    """Words that are put behind a step's command."""


AFFECTED: dict[str, StepName] = {
    "config": "sample",
    "suite": "sample",
    "scorers": "sample",
    "cases": "sample",
    "name": "data",
    "sources": "data",
    "recipe": "train",
    "base": "train",
    "dials": "train",
    "seed": "train",
    "form": "export",
    "budget": "compare",
}
"""A part of what is wanted -> the first step that depends on it."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step."""

    state: State = "open"
    command: tuple[str, ...] = ()
    """Behind `freehold`."""
    begun_us: int | None = None
    ended_us: int | None = None
    """Microseconds since 1970, UTC."""
    status: int | None = None
    """The command's exit status."""
    told: str = ""
    """What it came to, or why it did not, in a sentence."""
    found: str = ""
    """What later steps need of it: a suite, a dataset, a run, a model, a comparison, a rollout."""
    seconds: float = 0.0
    """How long its command ran, over all attempts."""


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    wish: Wish
    begun_us: int
    records: dict[StepName, Record] = {}

    def record(self, step: StepName) -> Record:
        """Of a step; one that has not begun is open."""
        return self.records.get(step, Record())

    def with_record(self, step: StepName, record: Record) -> Loop:
        """The same with this record of a step."""
        return msgspec.structs.replace(self, records={**self.records, step: record})

    def found(self, step: StepName) -> str:
        """What a step that is passed left for later ones."""
        return self.record(step).found

    @property
    def next(self) -> StepName | None:
        """The first step that is not passed; None: all are."""
        return next((step for step in STEPS if self.record(step).state != "passed"), None)

    def back_to(self, step: StepName) -> Loop:
        """The same with this step and all later ones open."""
        kept = STEPS[: STEPS.index(step)]
        return msgspec.structs.replace(
            self, records={name: record for name, record in self.records.items() if name in kept}
        )
