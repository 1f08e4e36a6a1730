"""Suites and comparisons as programs see them: in what commands print with `--json`, and over HTTP.

Absent is null, and never 0. Money is text, so that no digit is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from freehold.compare.case import Source, Suite
from freehold.compare.judges.checking import JudgeCheck
from freehold.compare.terms import Comparison, Prompt, State, Terms
from freehold.compare.verdict import Decision, Evidence, Verdict
from freehold.core.figures import exact
from freehold.core.moments import Moment, iso


class ShownScorer(msgspec.Struct, kw_only=True):
    """A scorer, and how it is set."""

    kind: str
    settings: dict[str, Any]


class ShownSource(msgspec.Struct, kw_only=True):
    """Where a suite is from, and what was left out of it."""

    kind: str
    name: str
    notes: list[str]


class ShownSuite(msgspec.Struct, kw_only=True):
    """A suite without its cases."""

    id: str
    name: str
    hash: str
    cases: int
    scorers: list[ShownScorer]
    source: ShownSource
    made: Moment


class ShownVerdict(msgspec.Struct, kw_only=True):
    """May this candidate replace the incumbent, for this class of tasks?"""

    comparison: str
    incumbent: str
    candidate: str
    task_class: str
    """Empty: over all of the suite."""
    decision: Decision
    reason: str
    margin: float
    alpha: float
    adjusted: str
    evidence: Evidence
    suite: str
    suite_hash: str
    seed: int
    reported_models: dict[str, list[str]]
    cost: str | None
    notes: list[str]
    made_us: int


class ShownComparison(msgspec.Struct, kw_only=True):
    """A comparison, and what it came to."""

    comparison: str
    suite: str
    state: State
    reason: str | None
    terms: Terms
    asked: int
    """Answers that were asked for in this run: 0 where nothing was run."""
    reused: int
    spent: str
    unpriced: int
    """Answers whose cost nobody knows."""
    verdicts: list[ShownVerdict]


class ShownCheck(msgspec.Struct, kw_only=True):
    """A check of a judge, without what it found."""

    check: str
    judge: str
    kind: str
    scorer: str
    labels: str
    """The hash of the labels."""
    file: str
    sample_of: str | None
    """The hash of the suite of which the labels are a random sample; null: they are from elsewhere."""
    reported_models: list[str]
    complete: bool
    judged: int
    made_us: int


def show_suite(one: Suite) -> ShownSuite:
    """A suite."""
    return ShownSuite(
        id=one.id,
        name=one.name,
        hash=one.hash,
        cases=one.cases,
        scorers=[
            ShownScorer(kind=scorer.kind, settings=msgspec.json.decode(scorer.settings))
            for scorer in one.scorers
        ],
        source=_source(one.source),
        made=iso(one.made_us),
    )


def show_comparison(
    comparison: Comparison,
    verdicts: Sequence[Verdict],
    *,
    spent: Decimal,
    unpriced: int,
    asked: int = 0,
    reused: int = 0,
    hide_prompt: bool = False,
) -> ShownComparison:
    """A comparison. `hide_prompt`: what the candidates' prompt says is left empty."""
    terms = comparison.terms
    if hide_prompt and terms.prompt is not None:
        terms = msgspec.structs.replace(terms, prompt=Prompt(terms.prompt.name, ""))
    return ShownComparison(
        comparison=comparison.id,
        suite=comparison.suite,
        state=comparison.state,
        reason=comparison.reason,
        terms=terms,
        asked=asked,
        reused=reused,
        spent=exact(spent) or "0",
        unpriced=unpriced,
        verdicts=[_verdict(one) for one in verdicts],
    )


def show_check(one: JudgeCheck) -> ShownCheck:
    """A check."""
    return ShownCheck(
        check=one.id,
        judge=one.judge,
        kind=one.kind,
        scorer=one.scorer,
        labels=one.labels,
        file=one.file,
        sample_of=one.sample_of,
        reported_models=list(one.reported_models),
        complete=one.complete,
        judged=len(one.judged),
        made_us=one.made_us,
    )


def _source(one: Source) -> ShownSource:
    return ShownSource(kind=one.kind, name=one.name, notes=list(one.notes))


def _verdict(one: Verdict) -> ShownVerdict:
    fields = msgspec.structs.asdict(one)
    return ShownVerdict(**{**fields, "cost": exact(one.cost), "notes": list(one.notes)})
