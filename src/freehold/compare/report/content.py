"""What stands in the parts of the page, in their order."""

from __future__ import annotations

import msgspec

from freehold.compare.report.report import Report
from freehold.compare.report.wording import (
    arithmetic,
    dollars,
    headline,
    interval,
    mean,
    percent,
    promise,
    signed,
    why,
)
from freehold.compare.verdict import Verdict
from freehold.core.figures import counted, show_moment

_SIGNS = {"replaces": "✓", "does not replace": "✗", "undecided": "?"}
_MOST_IDS = 200

Rows = list[tuple[str, ...]]


class OfCandidate(msgspec.Struct, frozen=True):
    """One candidate's verdict."""

    verdict: Verdict
    style: str
    sign: str
    headline: str
    glance: tuple[str, ...]
    """What a reader in a hurry needs: difference, interval, margin, pairs, cost."""
    why: str
    figures: Rows
    notes: tuple[str, ...]
    classes: list[OfClass]


class OfClass(msgspec.Struct, frozen=True):
    """One candidate's verdict on one class of tasks."""

    name: str
    style: str
    sign: str
    decision: str
    reason: str
    difference: str
    interval: str
    pairs: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template puts in."""

    incumbent: str
    parts: list[tuple[str, str]]
    promise: str
    alpha: str
    candidates: list[OfCandidate]
    savings: list[tuple[str, tuple[str, ...]]]
    saving_note: str
    losses: Rows
    method: Rows
    scorer_columns: tuple[str, ...]
    scorers: Rows
    caveats: list[str]
    calls: tuple[str, ...]
    calls_note: str
    made: str


def content_of(report: Report, *, has: frozenset[str]) -> Content:
    """`has`: the ids of the charts that there are."""
    terms, traffic = report.terms, report.traffic
    return Content(
        incumbent=terms.incumbent,
        parts=_parts(has),
        promise=promise(report),
        alpha=percent(terms.alpha),
        candidates=[
            _of_candidate(report, one) for name in terms.candidates if (one := report.of(name)) is not None
        ],
        savings=[]
        if traffic is None
        else [(one.candidate, arithmetic(traffic, one)) for one in report.savings],
        saving_note=_saving_note(report),
        losses=[(one.model, one.loss, f"{one.answers:,}", f"{one.of:,}") for one in report.losses],
        method=_method(report),
        scorer_columns=("Scorer", *terms.parties, "Settings", "Hash"),
        scorers=[
            (one.kind, *(mean(one.means.get(name)) for name in terms.parties), one.settings, one.hash[:12])
            for one in report.suite.scorers
        ],
        caveats=_caveats(report),
        calls=report.calls[:_MOST_IDS],
        calls_note=_calls_note(report),
        made=show_moment(report.made_us, utc=True),
    )


def _parts(has: frozenset[str]) -> list[tuple[str, str]]:
    parts = [("verdicts", "Verdicts")]
    if "course-0" in has:
        parts.append(("difference", "Difference"))
    if "classes" in has:
        parts.append(("by-class", "Classes"))
    parts.append(("cost", "Cost"))
    if "latencies" in has:
        parts.append(("latency", "Latency"))
    return [
        *parts,
        ("cases", "Cases"),
        ("losses", "Losses"),
        ("method", "How it was done"),
        ("calls", "Calls"),
    ]


def _of_candidate(report: Report, verdict: Verdict) -> OfCandidate:
    mine = [one for one in report.verdicts if one.candidate == verdict.candidate and one.task_class]
    return OfCandidate(
        verdict=verdict,
        style=verdict.decision.replace(" ", "-"),
        sign=_SIGNS[verdict.decision],
        headline=headline(verdict),
        glance=_glance(report, verdict),
        why=why(verdict),
        figures=_figures(report, verdict),
        notes=_notes(verdict),
        classes=[_of_class(one) for one in mine],
    )


def _of_class(verdict: Verdict) -> OfClass:
    return OfClass(
        name=verdict.task_class,
        style=verdict.decision.replace(" ", "-"),
        sign=_SIGNS[verdict.decision],
        decision=verdict.decision,
        reason=verdict.reason,
        difference=signed(verdict.evidence.difference),
        interval=interval(verdict.evidence),
        pairs=f"{verdict.evidence.n:,}",
    )


def _glance(report: Report, verdict: Verdict) -> tuple[str, ...]:
    evidence = verdict.evidence
    if not evidence.n:
        return (f"margin {report.terms.margin:g}", counted(evidence.n, "pair"), *_each(report, verdict))
    return (
        f"{signed(evidence.difference)} ({interval(evidence)})",
        f"margin {report.terms.margin:g}",
        counted(evidence.n, "pair"),
        *_each(report, verdict),
    )


def _each(report: Report, verdict: Verdict) -> tuple[str, ...]:
    """What 1,000 answers cost, beside the incumbent's, where it is known."""
    each = {one.model: one.each for one in report.costs}
    its, incumbents = each.get(verdict.candidate), each.get(verdict.incumbent)
    if its is None:
        return ()
    beside = "" if incumbents is None else f", incumbent {dollars(incumbents * 1000)}"
    return (f"{dollars(its * 1000)} for 1,000 answers{beside}",)


def _figures(report: Report, verdict: Verdict) -> Rows:
    evidence = verdict.evidence
    rows: Rows = [
        ("Difference", signed(evidence.difference)),
        ("Interval", interval(evidence)),
        ("Margin", f"{report.terms.margin:g}"),
        ("Pairs", f"{evidence.n:,}"),
        ("Better", f"{evidence.wins:,}"),
        ("Worse", f"{evidence.losses:,}"),
        ("Alike", f"{evidence.ties:,}"),
        ("Mean scores", f"{mean(evidence.candidate_mean)}, incumbent {mean(evidence.incumbent_mean)}"),
        ("Its answers cost", dollars(verdict.cost)),
    ]
    saving = next((one for one in report.savings if one.candidate == verdict.candidate), None)
    if saving is not None and verdict.decision == "replaces":
        rows.append(("A month", f"{dollars(abs(saving.saved))} {'less' if saving.saved >= 0 else 'more'}"))
    return rows


def _notes(verdict: Verdict) -> tuple[str, ...]:
    evidence = verdict.evidence
    notes = [evidence.correction] if evidence.correction else []
    notes += verdict.notes
    if evidence.length_controlled is not None:
        found = evidence.length_controlled
        notes.append(
            f"The judge prefers its answers in {percent(found.raw)} of pairs; were they as long as the incumbent's, in "
            f"{percent(found.controlled)} ({percent(found.low)} to {percent(found.high)})."
        )
    notes += [
        f"{counted(many, 'pair')} did not count: {reason}." for reason, many in evidence.uncounted.items()
    ]
    notes += [
        f"{counted(many, 'answer')} of the {whose} failed."
        for whose, many in evidence.failures.items()
        if many
    ]
    if evidence.units != evidence.n:
        notes.append(
            f"{counted(evidence.n, 'pair')} are {counted(evidence.units, 'unit')}: cases of one group depend on "
            "each other."
        )
    return tuple(notes)


def _saving_note(report: Report) -> str:
    if report.terms.route is None:
        return "No route was named, so there is no traffic to reckon with."
    if report.traffic is None:
        return (
            f"The ledger has no calls that {report.terms.incumbent} answered for the route {report.terms.route} "
            "in the last 30 days, so there is nothing to reckon with."
        )
    if not report.savings:
        return (
            "It takes the cost of the route's calls and of both models' answers to the same cases, and one is not "
            "known."
        )
    return (
        "It reckons as if the cases cost what the route's calls cost in proportion, and as if nothing else "
        "changed: prices, traffic, and the length of questions. Where only some classes may move, it is less."
    )


def _method(report: Report) -> Rows:
    terms, suite = report.terms, report.suite
    rows: Rows = [
        ("Comparison", report.comparison),
        (
            "Suite",
            f"{suite.name} ({counted(suite.cases, 'case')}, from {suite.source.kind}: {suite.source.name})",
        ),
        ("Hash of the suite", suite.hash),
        ("Margin", f"{terms.margin:g}"),
        ("Error rate (alpha)", f"{terms.alpha:g}"),
        ("Seed of the order", str(terms.seed)),
        ("Cases at the most", "all" if terms.max_cases is None else f"{terms.max_cases:,}"),
        ("Answers that may fail", percent(terms.most_failures)),
        ("Pairs that may be without a verdict", percent(terms.most_without_verdict)),
        ("Earlier answers", "not used" if terms.fresh else "used where the same was asked"),
        ("Begun", show_moment(report.begun_us, utc=True)),
        ("Ended", show_moment(report.ended_us, utc=True)),
        ("Spent by this comparison", _spent(report)),
    ]
    if terms.prompt is not None:
        rows.append(("System prompt of the candidates", terms.prompt.name))
    rows += [
        (f"{name} reported itself as", ", ".join(said)) for name, said in sorted(_reported(report).items())
    ]
    if terms.judges_allowed:
        rows.append(("Judges of a compared provider, allowed by name", ", ".join(terms.judges_allowed)))
    return rows


def _spent(report: Report) -> str:
    unknown = f", and {counted(report.unpriced, 'call')} at an unknown cost" if report.unpriced else ""
    return dollars(report.spent) + unknown


def _reported(report: Report) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for verdict in report.verdicts:
        for name, said in verdict.reported_models.items():
            found.setdefault(name, set()).update(said)
    return {name: sorted(said) for name, said in found.items()}


def _caveats(report: Report) -> list[str]:
    caveats = [
        "The verdicts are about cases like those of the suite. Traffic of another kind may fare otherwise.",
        "Pairs are drawn in an order that the seed fixed beforehand and are counted in it, so neither fast answers nor "
        "looking early moves a verdict.",
        "A candidate's answer that failed scores 0. A pair whose incumbent failed does not count.",
    ]
    if len(report.terms.candidates) > 1:
        caveats.append(
            "The error rate is shared among the candidates (e-Holm). The intervals are each candidate's own, so "
            "one that clears the margin may still be undecided."
        )
    caveats.append(
        "A mean at the time of stopping leans a little to the side on which it stopped; the interval does not."
    )
    return caveats


def _calls_note(report: Report) -> str:
    if not report.calls:
        return "No answer of this comparison was a call of Freehold: they were recorded elsewhere."
    return (
        f"{counted(len(report.calls), 'call')} in the ledger are its evidence, those of judges among them. `freehold "
        f"calls --key {report.comparison}` lists those that were made for it, and the report as JSON has all their ids."
    )
