"""Scores kept answers anew, and judges by that: no model is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.archive import Archive, KeptScore, PairRow
from freehold.compare.case import Suite
from freehold.compare.evidence import Candidacy
from freehold.compare.pair import NOT_RECORDED, Pair
from freehold.compare.running.marking import Marker, Named
from freehold.compare.running.verdicts import Reported, verdicts_of
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.compare.verdict import Verdict
from freehold.core.errors import StoreError


async def rescore(
    comparison: Comparison, suite: Suite, scorers: Sequence[Named], *, shelf: SuiteShelf, archive: Archive
) -> list[Verdict]:
    """The verdicts by the scores that the scorers give now; scores, pairs and verdicts are kept in place of the old.

    What was counted is what it was: a comparison that stopped early stays as long as it is. Raises ScorerFailed,
    StoreError.
    """
    terms = comparison.terms
    reported: Reported = {}
    candidacies = []
    for model in terms.candidates:
        candidacy = Candidacy(model, margin=terms.margin, alpha=terms.alpha, among=len(terms.candidates))
        candidacies.append(candidacy)
        unit: list[Pair] = []
        portions = archive.pairs(comparison.id, model)
        while rows := await asyncio.to_thread(next, portions, None):
            for pair in await _again(comparison, suite, rows, scorers, shelf=shelf, archive=archive):
                if unit and pair.drawn != unit[0].drawn:
                    candidacy.add(unit)
                    unit = []
                unit.append(pair)
                _note(reported, pair)
        if unit:
            candidacy.add(unit)
    stopped = {} if comparison.reason is None else dict.fromkeys(terms.candidates, comparison.reason)
    verdicts = await asyncio.to_thread(
        verdicts_of, comparison, suite, candidacies, reported, stopped, shelf=shelf, archive=archive
    )
    await asyncio.to_thread(archive.put_verdicts, verdicts)
    return verdicts


async def _again(
    comparison: Comparison,
    suite: Suite,
    rows: list[PairRow],
    scorers: Sequence[Named],
    *,
    shelf: SuiteShelf,
    archive: Archive,
) -> list[Pair]:
    """The pairs of these rows, marked anew and kept so."""
    ids = [one for row in rows for one in (row.incumbent_answer, row.candidate_answer)]
    answers = await asyncio.to_thread(archive.answers, ids)
    cases = await asyncio.to_thread(shelf.by_id, suite.id, [row.case_id for row in rows])
    scores: list[KeptScore] = []
    marker = Marker(scorers, scores.append)
    pairs = []
    for row in rows:
        case = cases.get(row.case_id)
        old = _found(answers, row.incumbent_answer, comparison.terms.incumbent)
        new = _found(answers, row.candidate_answer, row.candidate)
        if case is None:
            raise StoreError(f"The case `{row.case_id}` of the suite `{suite.name}` is not there any more.")
        marks = [(one, await marker.mark(case, one, {})) for one in (old, new)]
        pairs.append(await marker.pair(row.drawn, case, marks[0], marks[1], {}))
    renewed = [
        msgspec.structs.replace(row, difference=pair.difference, why=pair.why)
        for row, pair in zip(rows, pairs, strict=True)
    ]
    await asyncio.to_thread(archive.put_scores, scores)
    await asyncio.to_thread(archive.put_pairs, comparison.id, renewed)
    return pairs


def _found(answers: dict[str, Answer], answer_id: str, model: str) -> Answer:
    if not answer_id:
        return Answer(id="", model=model, failure=NOT_RECORDED)
    found = answers.get(answer_id)
    if found is None:
        raise StoreError(f"The answer `{answer_id}` is not there any more.")
    return found


def _note(reported: Reported, pair: Pair) -> None:
    for answer in (pair.incumbent, pair.candidate):
        if answer.reported_model is not None:
            reported.setdefault(answer.model, set()).add(answer.reported_model)
