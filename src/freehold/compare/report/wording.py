"""Figures and verdicts as the page words them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from freehold.compare.report.report import Report, Saving, Traffic
from freehold.compare.verdict import Decision, Evidence, Verdict
from freehold.core.figures import UNKNOWN, counted

_SMALL = Decimal("0.01")


def signed(value: float | None, digits: int = 3) -> str:
    """`+0.012`, `-0.030`, or a dash."""
    if value is None:
        return "-"
    return f"{value:+.{digits}f}"


def interval(evidence: Evidence) -> str:
    """`-0.078 … +0.193`, or a dash where no pair counted."""
    return f"{signed(evidence.low)} … {signed(evidence.high)}" if evidence.n else "-"


def mean(value: float | None) -> str:
    """A mean score, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def dollars(amount: Decimal | None) -> str:
    """To the cent, and small ones to three digits: `$1,204.50`, `$0.000412`, `unknown`."""
    if amount is None:
        return UNKNOWN
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size and size < 1:
        exponent = max(2, 2 - size.adjusted())
        text = f"{size.quantize(Decimal(1).scaleb(-exponent), ROUND_HALF_UP):f}".rstrip("0")
        whole, _, cents = text.partition(".")
        return f"{sign}${whole}.{cents.ljust(2, '0')}"
    return f"{sign}${size.quantize(_SMALL, ROUND_HALF_UP):,}"


def seconds(value: float | None) -> str:
    """`0.84 s`, or a dash."""
    return "-" if value is None else f"{value:.3g} s"


def told(number: int, noun: str) -> str:
    """`1 unit`, `2,310 units`."""
    return counted(number, noun)


def percent(share: float) -> str:
    """`5 %`, `0.1 %`."""
    return f"{share * 100:.3g} %"


def states(decision: Decision) -> str:
    """What the place of the interval says."""
    if decision == "replaces":
        return "The lower end of the band rose above the margin."
    if decision == "does not replace":
        return "The upper end of the band fell below the margin."
    return "The band still lies on both sides of the margin, or something else stood in the way."


def headline(verdict: Verdict) -> str:
    """A verdict in plain words."""
    candidate, incumbent = verdict.candidate, verdict.incumbent
    if verdict.decision == "replaces":
        return f"{candidate} may replace {incumbent}."
    if verdict.decision == "does not replace":
        return f"{candidate} does not replace {incumbent}."
    return f"It is undecided whether {candidate} may replace {incumbent}."


def why(verdict: Verdict) -> str:
    """What a verdict rests on, in one or two sentences."""
    evidence = verdict.evidence
    if not evidence.n or evidence.difference is None:
        return verdict.reason
    about = "as good as the incumbent's"
    if evidence.difference > 0:
        about = f"better by {evidence.difference:.3f}"
    elif evidence.difference < 0:
        about = f"worse by {-evidence.difference:.3f}"
    return (
        f"{verdict.reason} Over {counted(evidence.n, 'pair')} its mean score is {about}, with an interval for the true "
        f"difference from {signed(evidence.low)} to {signed(evidence.high)}."
    )


def promise(report: Report) -> str:
    """What is promised of the verdicts."""
    terms = report.terms
    shared = "" if len(terms.candidates) == 1 else ", all candidates taken together"
    return (
        f"A candidate replaces the incumbent when its mean score is not worse by {terms.margin:g} or more. Either "
        f"verdict is wrong in at most {percent(terms.alpha)} of comparisons, whenever one stops{shared}."
    )


def arithmetic(traffic: Traffic, saving: Saving) -> tuple[str, ...]:
    """How what a month would save was reckoned, step by step."""
    priced = traffic.calls - traffic.unpriced
    days = counted(traffic.days, "day")
    first = (
        f"{traffic.model} answered {counted(traffic.calls, 'call')} of the route {traffic.route} in {days}"
        f"{_known(traffic, priced)} for {dollars(traffic.cost)}."
    )
    return (
        first,
        f"In 30 days that is {saving.month_calls:,.0f} calls for {dollars(saving.month_cost)}.",
        f"On the same cases {saving.candidate} costs {saving.ratio:.3g} dollars for each dollar of the incumbent.",
        f"{dollars(saving.month_cost)} times {saving.ratio:.3g} is {dollars(saving.month_cost_then)}: "
        f"{dollars(abs(saving.saved))} {'less' if saving.saved >= 0 else 'more'} a month, if all its calls went there.",
    )


def _known(traffic: Traffic, priced: int) -> str:
    return f", of which the cost of {priced:,} is known," if traffic.unpriced else ""
