"""From what is kept of a comparison to its report. No model is called, and nothing is changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from freehold import __version__
from freehold.compare.answer import Answer
from freehold.compare.archive import Archive, Known
from freehold.compare.case import Case, Suite
from freehold.compare.judges.material import said_in
from freehold.compare.pair import NOT_RECORDED
from freehold.compare.report.asked import conversation_of, shortened
from freehold.compare.report.judging import judges_of
from freehold.compare.report.money import saving_of, with_frontier
from freehold.compare.report.reckoning import Reckoning
from freehold.compare.report.report import (
    Cost,
    Marked,
    Report,
    ScorerSaid,
    Side,
    SuiteSaid,
    Telling,
    Traffic,
)
from freehold.compare.report.telling import Candidate
from freehold.compare.running.scorers import opened
from freehold.compare.scoring import Scored
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.compare.verdict import Verdict
from freehold.core.clock import microseconds
from freehold.core.errors import FreeholdError


def report_of(
    comparison: Comparison, *, shelf: SuiteShelf, archive: Archive, traffic: Traffic | None = None
) -> Report:
    """The report on a comparison as it stands. `traffic`: of its route. Waits. Raises NotFound, StoreError."""
    suite = shelf.find(comparison.suite)
    verdicts = _in_order(comparison, archive.verdicts(comparison.id))
    reckoning = _reckoned(comparison, suite, shelf, archive)
    scorers = _scorers(suite, reckoning)
    whole = {one.candidate: one for one in verdicts if not one.task_class}
    savings = [saving_of(name, traffic, both) for name, both in reckoning.both.items() if traffic is not None]
    spent, unpriced = archive.spent(comparison.id)
    return Report(
        comparison=comparison.id,
        made_us=microseconds(time.time()),
        version=__version__,
        state=comparison.state,
        reason=comparison.reason,
        begun_us=comparison.begun_us,
        ended_us=comparison.ended_us,
        suite=SuiteSaid(
            id=suite.id,
            name=suite.name,
            hash=suite.hash,
            cases=suite.cases,
            source=suite.source,
            scorers=scorers,
        ),
        terms=comparison.terms,
        verdicts=tuple(verdicts),
        courses=tuple(reckoning.course(name, whole.get(name)) for name in comparison.terms.candidates),
        costs=_costs(comparison, reckoning, whole),
        latencies=tuple(one for party in reckoning.parties.values() if (one := party.latency()) is not None),
        losses=tuple(one for party in reckoning.parties.values() for one in party.losses()),
        telling=_told(suite, reckoning.choice.chosen(), scorers, shelf, archive),
        traffic=traffic,
        savings=tuple(one for one in savings if one is not None),
        judges=judges_of(suite, archive.database),
        spent=spent,
        unpriced=unpriced,
        calls=tuple(reckoning.calls),
    )


def _in_order(comparison: Comparison, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """In the order in which the candidates were named."""
    place = {name: at for at, name in enumerate(comparison.terms.candidates)}
    return sorted(verdicts, key=lambda one: (place.get(one.candidate, len(place)), one.task_class))


def _reckoned(comparison: Comparison, suite: Suite, shelf: SuiteShelf, archive: Archive) -> Reckoning:
    reckoning = Reckoning(comparison.terms)
    for candidate in comparison.terms.candidates:
        for rows in archive.pairs(comparison.id, candidate):
            ids = [one for row in rows for one in (row.incumbent_answer, row.candidate_answer) if one]
            cases = shelf.by_id(suite.id, [row.case_id for row in rows])
            classes = {case_id: case.task_class for case_id, case in cases.items()}
            reckoning.see(rows, archive.answers(ids), archive.known_scores(ids), classes)
    reckoning.end()
    return reckoning


def _scorers(suite: Suite, reckoning: Reckoning) -> tuple[ScorerSaid, ...]:
    hashes = asyncio.run(_hashes(suite))
    found = []
    for at, one in enumerate(suite.scorers):
        scorer = hashes[at] if at < len(hashes) else ""
        means = {name: party.mean_of(scorer) for name, party in reckoning.parties.items()}
        found.append(
            ScorerSaid(
                kind=one.kind,
                settings=bytes(one.settings).decode(),
                hash=scorer,
                means={name: mean for name, mean in means.items() if mean is not None},
            )
        )
    return tuple(found)


async def _hashes(suite: Suite) -> list[str]:
    """The hashes of a suite's scorers; empty where they cannot be opened on this machine."""

    async def nobody(model: str, request: msgspec.Raw) -> NoReturn:
        raise AssertionError(f"A report asks no model, and `{model}` was to be asked {request!r}.")

    try:
        async with opened(suite, nobody) as scorers:
            return [one.hash for named in scorers if (one := named.scorer or named.pairs) is not None]
    except FreeholdError:
        return []


def _costs(comparison: Comparison, reckoning: Reckoning, whole: dict[str, Verdict]) -> tuple[Cost, ...]:
    found = []
    for name, party in reckoning.parties.items():
        verdict = whole.get(name)
        evidence = None if verdict is None else verdict.evidence
        is_incumbent = name == comparison.terms.incumbent
        counts = evidence is not None and evidence.n > 0
        found.append(
            Cost(
                model=name,
                answers=party.sums.known,
                unknown=party.sums.unknown,
                each=party.sums.each,
                difference=0.0 if is_incumbent else (evidence.difference if evidence else None),
                low=evidence.low if evidence and counts else None,
                high=evidence.high if evidence and counts else None,
            )
        )
    return with_frontier(found)


def _told(
    suite: Suite,
    chosen: Sequence[Candidate],
    scorers: Sequence[ScorerSaid],
    shelf: SuiteShelf,
    archive: Archive,
) -> tuple[Telling, ...]:
    if not chosen:
        return ()
    rows = [one.row for one in chosen]
    ids = [one for row in rows for one in (row.incumbent_answer, row.candidate_answer)]
    answers, scores = archive.answers(ids), archive.known_scores(ids)
    cases = shelf.by_id(suite.id, [row.case_id for row in rows])
    kinds = {one.hash: one.kind for one in scorers}
    found = []
    for one in chosen:
        row, case = one.row, cases[one.row.case_id]
        assert row.difference is not None
        found.append(
            Telling(
                candidate=row.candidate,
                case=row.case_id,
                task_class=one.task_class,
                difference=row.difference,
                asked=conversation_of(case),
                target=_target(case),
                incumbent=_side(answers[row.incumbent_answer], scores, kinds),
                other=_side(answers[row.candidate_answer], scores, kinds),
                marks=_marks(scores, kinds, row.candidate_answer, row.incumbent_answer),
            )
        )
    return tuple(found)


def _target(case: Case) -> str:
    return shortened(bytes(case.target).decode())


def _side(answer: Answer, scores: dict[Known, Scored], kinds: dict[str, str]) -> Side:
    marks = _marks(scores, kinds, answer.id, "")
    values = [one.value for one in marks if one.value is not None]
    return Side(
        model=answer.model,
        text="" if answer.failure is not None else shortened(said_in(answer)),
        failure="it was not recorded" if answer.failure == NOT_RECORDED else answer.failure,
        score=sum(values) / len(values) if values else None,
        marks=marks,
        cost=answer.cost,
        latency_s=answer.latency_s,
        call_id=answer.call_id,
    )


def _marks(
    scores: dict[Known, Scored], kinds: dict[str, str], answer: str, against: str
) -> tuple[Marked, ...]:
    """What the suite's scorers said, in their order; of answers that other suites have, too, only these."""
    return tuple(
        Marked(kind, scored.value, shortened(scored.why))
        for scorer, kind in kinds.items()
        if (scored := scores.get(Known(answer, against, scorer))) is not None
    )
