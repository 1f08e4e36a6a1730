"""What is known of the judges of a suite, in sentences."""

from __future__ import annotations

from freehold.compare.case import Suite
from freehold.compare.database import Database
from freehold.compare.judges.checks import Checks
from freehold.compare.judges.findings import Findings, findings_of
from freehold.compare.judges.registry import judge_hash
from freehold.compare.judges.settings import KINDS, judge_model
from freehold.compare.report.report import JudgeSaid
from freehold.compare.stats.agreement import Measured


def judges_of(suite: Suite, database: Database) -> tuple[JudgeSaid, ...]:
    """The judges among a suite's scorers, each with its newest complete check. Waits."""
    checks = Checks(database)
    found = []
    for scorer in suite.scorers:
        if scorer.kind not in KINDS:
            continue
        model = judge_model(scorer) or ""
        check = checks.newest_of(judge_hash(scorer))
        if check is None:
            found.append(JudgeSaid(kind=scorer.kind, model=model, checked=""))
            continue
        findings = findings_of(check)
        found.append(
            JudgeSaid(
                kind=scorer.kind,
                model=model,
                checked=check.id,
                labels=findings.n,
                findings=tuple(_sentences(findings)),
            )
        )
    return tuple(found)


def _sentences(findings: Findings) -> list[str]:
    told = []
    if findings.agreement is not None:
        told.append(f"It agrees with people in {_share(findings.agreement)}.")
    if findings.consistency is not None:
        told.append(f"Its verdict is the same in both orders in {_share(findings.consistency)}.")
    if findings.self_preference is not None:
        told.append(
            f"It leans to models of its own provider by {_signed(findings.self_preference)} in score, "
            "compared with others."
        )
    for one in findings.models:
        if one.sensitivity is not None:
            told.append(f"Of the good answers of {one.model} it calls {_share(one.sensitivity)} good.")
        if one.specificity is not None:
            told.append(f"Of the other answers of {one.model} it calls {_share(one.specificity)} not good.")
    if findings.no_verdict.value > 0:
        told.append(f"It gave no verdict in {_share(findings.no_verdict)}.")
    return told


def _share(one: Measured) -> str:
    return f"{one.value:.0%} ({one.low:.0%} to {one.high:.0%}, n = {one.n:,})"


def _signed(one: Measured) -> str:
    return f"{one.value:+.2f} ({one.low:+.2f} to {one.high:+.2f})"
