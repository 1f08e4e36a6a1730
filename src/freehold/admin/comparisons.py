"""Comparisons and their reports, and checks of the judges in them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import PageQuery, given, named, no_such_page, page_of
from freehold.compare.shown import ShownCheck, ShownComparison, show_check, show_comparison
from freehold.compare.terms import Comparison, State
from freehold.compare.verdict import Decision
from freehold.core.errors import NotFound
from freehold.core.moments import Moment, iso


class ListedComparison(msgspec.Struct, kw_only=True):
    """A comparison in a list."""

    id: str
    suite: str
    route: str | None
    incumbent: str
    candidates: list[str]
    state: State
    begun: Moment
    ended: Moment | None
    decisions: dict[str, Decision]
    """Over all of the suite, by candidate; empty: there are none yet."""


class ComparisonList(msgspec.Struct):
    """A page of comparisons, newest first."""

    comparisons: list[ListedComparison]
    next: str | None


class CheckList(msgspec.Struct):
    """A page of checks of judges, newest first."""

    checks: list[ShownCheck]
    next: str | None


class CheckQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure its intervals are to be."""

    alpha: Annotated[
        float, Meta(ge=1e-6, le=0.5, description="Intervals hold the truth in all but this share of cases.")
    ] = 0.05


class WholeCheck(ShownCheck, kw_only=True):
    """A check of a judge with what it found."""

    findings: dict[str, Any]
    """Agreement, kappa, sensitivity and specificity by model and more, each with its interval; null: not known."""


def _list(office: Office, asked: Asked) -> ComparisonList:
    query: PageQuery = asked.query
    after = given(query.after)
    try:
        last = None if after is None else office.archive.find(named(after, "comparison"))
    except NotFound:
        raise no_such_page(str(after)) from None
    found = office.archive.newest(query.limit, behind=last)
    decisions = office.archive.decisions([one.id for one in found]) if found else {}
    following = found[-1].id if len(found) == query.limit else None
    return ComparisonList([_listed(one, decisions.get(one.id, {})) for one in found], following)


def _listed(one: Comparison, decisions: dict[str, Decision]) -> ListedComparison:
    return ListedComparison(
        id=one.id,
        suite=one.suite,
        route=one.terms.route,
        incumbent=one.terms.incumbent,
        candidates=list(one.terms.candidates),
        state=one.state,
        begun=iso(one.begun_us),
        ended=iso(one.ended_us),
        decisions=decisions,
    )


def _show(office: Office, asked: Asked) -> ShownComparison:
    found = _comparison(office, asked)
    spent, unpriced = office.archive.spent(found.id)
    verdicts = office.archive.verdicts(found.id)
    return show_comparison(found, verdicts, spent=spent, unpriced=unpriced, hide_prompt=True)


async def _report(office: Office, asked: Asked) -> bytes:
    found = await asyncio.to_thread(_comparison, office, asked)
    await asyncio.to_thread(office.audit.append, asked.actor, "comparisons.read", found.id)
    return await office.report(found.id)


def _comparison(office: Office, asked: Asked) -> Comparison:
    return office.archive.find(named(asked.path["comparison"], "comparison"))


def _checks(office: Office, asked: Asked) -> CheckList:
    query: PageQuery = asked.query
    found, following = page_of(office.checks.all(), given(query.after), query.limit)
    return CheckList([show_check(one) for one in found], following)


async def _check(office: Office, asked: Asked) -> WholeCheck:
    which = named(asked.path["check"], "check")
    found = await asyncio.to_thread(office.checks.find, which)
    findings = await office.findings(found.id, asked.query.alpha)
    return WholeCheck(**msgspec.structs.asdict(show_check(found)), findings=msgspec.json.decode(findings))


OPERATIONS = (
    Operation(
        method="GET", path="/comparisons", least="viewer", act=_list, answer=ComparisonList, query=PageQuery,
        summary="List comparisons, newest first, with what was decided",
    ),
    Operation(
        method="GET", path="/comparisons/{comparison}", least="viewer", act=_show, answer=ShownComparison,
        summary="Show what a comparison came to: its verdicts with their evidence",
    ),
    Operation(
        method="GET", path="/comparisons/{comparison}/report", least="operator", act=_report, media="text/html",
        ends_with_client=True,
        summary="The report on a comparison, a page with the cases that tell most",
    ),
    Operation(
        method="GET", path="/judge-checks", least="viewer", act=_checks, answer=CheckList, query=PageQuery,
        summary="List checks of judges, newest first",
    ),
    Operation(
        method="GET", path="/judge-checks/{check}", least="viewer", act=_check, answer=WholeCheck,
        query=CheckQuery, ends_with_client=True, summary="Show what a check of a judge found",
    ),
)  # fmt: skip
