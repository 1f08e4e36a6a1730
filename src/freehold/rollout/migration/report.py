"""What is found about a migration, as a value: `--json` prints it, and pages are made of it alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from freehold.compare.verdict import Decision
from freehold.core.moments import Moment
from freehold.rollout.carrying.gravity import Gravity
from freehold.rollout.migration.porting import Finding

Unit = Literal["month", "1,000 calls"]


class FeaturePart(msgspec.Struct, frozen=True, kw_only=True):
    """What calls make use of, and what becomes of it."""

    feature: str
    meaning: str
    calls: int
    """Of the sample."""
    broken: int
    """Calls of which this feature would be lost, and that cannot do without it."""
    weakened: int
    """Calls of which something of it would be lost that makes the answer less exact."""
    keys: list[str]
    """Whose calls: names of keys, the one with the most first."""
    task_classes: list[str]


class LossPart(msgspec.Struct, frozen=True, kw_only=True):
    """What would be lost."""

    loss: str
    meaning: str
    gravity: Gravity
    calls: int
    now: int | None
    """Calls on record that lose it already, with whoever answers now; null: not known."""
    keys: list[str]
    example: str
    """A call."""
    why: str = ""
    """Of a request that cannot be sent: what the error says."""


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one key's calls, or of those of one class of tasks."""

    name: str
    calls: int
    broken: int
    weakened: int
    losses: list[str]
    """Those that break or weaken, the most frequent first."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking the target, with the prompt as it is or as it was ported."""

    asked: int
    failed: int
    in_form: int | None
    """Answers in the form that was asked for; null: none was."""
    of_form: int
    alike: float | None
    """Mean likeness (chrF) to what is on record, 0 … 1; null: no answer on record is plain text."""
    of_alike: int
    cost: Decimal | None
    """US dollars; null: not known."""
    median_s: float | None
    output_tokens: int | None


class PromptPart(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that has to be ported."""

    digest: str
    """Of its text: the first digits of SHA-256."""
    calls: int
    text: str
    """Shortened."""
    findings: list[Finding]
    port: str
    """The whole of the proposed text."""
    diff: str
    before: Measured | None = None
    after: Measured | None = None
    """Null: nobody measured it."""


class CostPart(msgspec.Struct, frozen=True, kw_only=True):
    """What it costs now and would cost then, at the real traffic."""

    unit: Unit
    calls: float
    """In that unit."""
    now: Decimal | None
    """US dollars; null: not known."""
    then: Decimal | None
    """As if nothing came from the target's cache."""
    then_cached: Decimal | None
    """As if as much came from its cache as does now; null: nothing does, or it is not known."""
    price_now: list[str]
    """The rows of the price lists."""
    price_then: str | None
    unpriced: int
    """Calls whose cost nobody knows: they are taken to cost what the others do."""
    uncounted: int
    """Calls whose tokens nobody knows: the same."""
    by_list: bool
    """No cost is on record, and today's price list was taken for `now`."""
    note: str


class LatencyPart(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a model answered, by the ledger."""

    model: str
    of: str
    """Which calls: of this route, or any."""
    calls: int
    median_ms: float | None
    p99_ms: float | None
    first_median_ms: float | None


class VerdictPart(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison's verdict on the target."""

    comparison: str
    incumbent: str
    task_class: str
    decision: Decision
    margin: float
    alpha: float
    pairs: int
    difference: float | None
    low: float
    high: float
    age_days: int
    reason: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the plan, or of the way back."""

    text: str
    command: str | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Over which time calls were looked at."""

    since: Moment
    """The first of these calls."""
    until: Moment
    days: float
    extrapolates: bool
    """Whether it is long enough to say what a month would be."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about moving one route."""

    made: Moment
    version: str
    """Of Freehold."""
    route: str
    leaves: str
    """The provider that is left."""
    models: list[str]
    """Its models that answered, the one with the most calls first."""
    target: str
    dialect: str
    """What the target is spoken to in."""
    dialects: dict[str, int]
    """What the calls of the sample came in."""
    enough: bool
    """Whether there is evidence enough for what breaks; else `missing` says what is not there."""
    missing: str
    calls: int
    """Answered by the provider that is left, in the time."""
    span: Span | None
    sampled: int
    kept: int
    """Calls that could have been drawn."""
    whole: int
    """Calls of the sample that lose nothing, or nothing that anybody would notice."""
    weakened: int
    broken: int
    features: list[FeaturePart]
    losses: list[LossPart]
    by_key: list[Affected]
    by_class: list[Affected]
    prompts: list[PromptPart]
    other_prompts: int
    """Further prompts that would have to be ported and are not shown."""
    cost: CostPart | None
    latencies: list[LatencyPart]
    """The target's is not there where nothing of it is on record."""
    verdicts: list[VerdictPart]
    plan: list[Step]
    back: list[Step]
    notes: list[str]
    spent: Decimal | None = None
    """US dollars for measuring; null: nothing was asked, or a cost is not known."""
