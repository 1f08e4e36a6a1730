"""What a report says, as a value: `--json` prints it, and the page is made of it alone."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from freehold.compare.case import Source
from freehold.compare.stats.course import Step
from freehold.compare.terms import State, Terms
from freehold.compare.verdict import Decision, Verdict


class ScorerSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A scorer, how it is set, and what it says on average."""

    kind: str
    settings: str
    """JSON."""
    hash: str = ""
    """Scores are kept under it; empty: it cannot be opened here."""
    means: dict[str, float] = {}
    """Mean scores of the answers that count, 0 … 1, by party."""


class SuiteSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The suite."""

    id: str
    name: str
    hash: str
    cases: int
    source: Source
    scorers: tuple[ScorerSaid, ...]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How the interval of a candidate tightened."""

    candidate: str
    steps: tuple[Step, ...]
    decision: Decision
    """The verdict that it ended in."""
    by_people: bool = False
    """Labels of people decided, at the end. The steps are of the judge's scores, without them."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a party's answers cost beside how good they are."""

    model: str
    answers: int
    """Those that count and whose cost is known."""
    unknown: int
    """Those whose cost nobody knows."""
    each: Decimal | None
    """US dollars for an answer, on average; None: no cost is known."""
    difference: float | None
    """To the incumbent, whose own is 0."""
    low: float | None = None
    high: float | None = None
    frontier: bool = False
    """No other party is at once better and cheaper, or as good and cheaper, or better at that cost."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long a party's answers took, from the request to the last token."""

    model: str
    n: int
    median_s: float
    p90_s: float
    p99_s: float
    shares: tuple[tuple[float, float], ...]
    """Seconds, and the share of answers that took no longer."""


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A loss in translation."""

    model: str
    loss: str
    answers: int
    of: int
    """Answers of this party."""


class Said(msgspec.Struct, frozen=True):
    """Who said what in a conversation."""

    role: str
    text: str


class Marked(msgspec.Struct, frozen=True):
    """What one scorer said of an answer."""

    kind: str
    value: float | None
    why: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two answers."""

    model: str
    text: str
    failure: str | None
    score: float | None
    """The mean of its marks; None: it was judged only beside the other one."""
    marks: tuple[Marked, ...]
    cost: Decimal | None
    latency_s: float | None
    call_id: str | None


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """A case at which the two differ."""

    candidate: str
    case: str
    task_class: str
    difference: float
    asked: tuple[Said, ...]
    """Empty: only the answers were recorded."""
    target: str
    """JSON; empty: nothing is known of a right answer."""
    incumbent: Side
    other: Side
    marks: tuple[Marked, ...] = ()
    """Of scorers that judge the two beside each other."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What the incumbent did for the route, by the ledger."""

    route: str
    model: str
    days: int
    """Whole days, today's part among them as one, that the figures are of."""
    calls: int
    unpriced: int
    """Those of them whose cost nobody knows."""
    cost: Decimal | None
    """US dollars of the others; None: there are none."""


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """What a month of 30 days would cost if all of the route's calls went to a candidate."""

    candidate: str
    month_calls: float
    month_cost: Decimal
    """US dollars that the incumbent takes."""
    ratio: Decimal
    """What a candidate's answer costs for each dollar of the incumbent's, on the same cases."""
    month_cost_then: Decimal
    saved: Decimal
    """Below 0: it would cost more."""


class JudgeSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A judge, and what is known of it."""

    kind: str
    model: str
    checked: str
    """The id of its newest complete check; empty: nobody has checked it."""
    labels: int = 0
    findings: tuple[str, ...] = ()
    """One sentence each."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one comparison."""

    comparison: str
    made_us: int
    version: str
    """Of Freehold."""
    state: State
    reason: str | None
    begun_us: int
    ended_us: int | None
    suite: SuiteSaid
    terms: Terms
    verdicts: tuple[Verdict, ...]
    """By candidate, the one over everything first."""
    courses: tuple[Course, ...]
    costs: tuple[Cost, ...]
    """The incumbent's first."""
    latencies: tuple[Latency, ...]
    losses: tuple[Lost, ...]
    telling: tuple[Telling, ...]
    traffic: Traffic | None
    """None: no route was named, or the ledger knows nothing of it."""
    savings: tuple[Saving, ...]
    judges: tuple[JudgeSaid, ...]
    spent: Decimal
    """US dollars of this comparison's calls, as far as they are known."""
    unpriced: int
    """Calls whose cost nobody knows."""
    calls: tuple[str, ...]
    """The ids of the calls in the ledger, each once: of answers and of judges that count here."""

    def of(self, candidate: str) -> Verdict | None:
        """The verdict over everything; None: there is none yet."""
        return next((v for v in self.verdicts if v.candidate == candidate and not v.task_class), None)
