"""Answers in the archive that were found good: by every scorer of a suite, or by a judge who preferred them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import msgspec
import sqlalchemy as sql

from freehold.compare import tables
from freehold.compare.answer import Answer
from freehold.compare.archive import Archive, Known
from freehold.compare.case import Case, ScorerSettings, Suite, request_hash_of
from freehold.compare.database import unpack
from freehold.compare.judges.registry import judge_hash
from freehold.compare.judges.settings import KINDS, PAIRWISE
from freehold.compare.scorers.registry import scorer_of
from freehold.compare.scoring import Scored
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.errors import BadRequest

Ground = Literal["scorer", "judge"]
"""`judge` where a model was asked among those who found it good."""

_TOGETHER = 100
_FULL = 1.0 - 1e-9
_answers = tables.answers.c


class FoundGood(msgspec.Struct, frozen=True):
    """One answer that was found good."""

    case: Case
    answer: Answer
    ground: Ground
    worse: Answer | None = None
    """One to the same that a judge liked less."""


def found_good(
    suite: Suite, shelf: SuiteShelf, archive: Archive, grounds: Collection[Ground]
) -> Iterator[list[FoundGood]]:
    """The answers to each case, in the order of the suite, that were found good for one of these reasons.

    Nobody is asked and nothing scored anew. Raises BadRequest: the suite has a scorer that is not known here.
    """
    hashes = [(one.kind, _hash_of(one)) for one in suite.scorers]
    some: list[Case] = []
    for case in shelf.cases(suite.id):
        some.append(case)
        if len(some) == _TOGETHER:
            yield from _of_cases(suite, some, hashes, archive, grounds)
            some = []
    if some:
        yield from _of_cases(suite, some, hashes, archive, grounds)


def _of_cases(
    suite: Suite,
    cases: Sequence[Case],
    hashes: Sequence[tuple[str, str]],
    archive: Archive,
    grounds: Collection[Ground],
) -> Iterator[list[FoundGood]]:
    asked = {request_hash_of(case.request) for case in cases}
    by_request = _kept(suite, sorted(asked), archive)
    scores = archive.known_scores([one.id for some in by_request.values() for one in some.values()])
    for case in cases:
        there = by_request.get(request_hash_of(case.request), {})
        found = [_alone(case, one, hashes, scores) for one in there.values()]
        found += _preferred(case, there, hashes, scores)
        yield [one for one in found if one is not None and one.ground in grounds]


def _kept(suite: Suite, asked: Sequence[str], archive: Archive) -> dict[str, dict[str, Answer]]:
    """The answers to these requests, by request and id: those that were asked for, or handed in with this suite."""
    ours = sql.or_(_answers.suite.is_(None), _answers.suite == suite.id)
    chosen = (
        sql.select(_answers.request_hash, _answers.id, _answers.body)
        .where(_answers.request_hash.in_(asked), _answers.failure.is_(None), ours)
        .order_by(_answers.model, _answers.made_us, _answers.id)
    )
    with archive.database.reading() as connection:
        rows = connection.execute(chosen).all()
    found: dict[str, dict[str, Answer]] = {}
    for row in rows:
        found.setdefault(row.request_hash, {})[row.id] = unpack(row.body, Answer)
    return found


def _alone(
    case: Case, answer: Answer, hashes: Sequence[tuple[str, str]], scores: dict[Known, Scored]
) -> FoundGood | None:
    """An answer that has full marks by every scorer that looks at one alone."""
    alone = [(kind, scores.get(Known(answer.id, "", hash_))) for kind, hash_ in hashes if kind != PAIRWISE]
    if not alone or any(one is None or one.value is None or one.value < _FULL for _, one in alone):
        return None
    return FoundGood(case, answer, "judge" if any(kind in KINDS for kind, _ in alone) else "scorer")


def _preferred(
    case: Case, there: dict[str, Answer], hashes: Sequence[tuple[str, str]], scores: dict[Known, Scored]
) -> list[FoundGood]:
    """Answers that a judge found better than another one, in all its judgements."""
    judges = {hash_ for kind, hash_ in hashes if kind == PAIRWISE}
    found = []
    for known, scored in scores.items():
        new, old = there.get(known.answer), there.get(known.against)
        if known.scorer not in judges or new is None or old is None or scored.value is None:
            continue
        if scored.value >= _FULL:
            found.append(FoundGood(case, new, "judge", worse=old))
        elif scored.value <= -_FULL:
            found.append(FoundGood(case, old, "judge", worse=new))
    return sorted(found, key=lambda one: (one.answer.model, one.answer.id))


def _hash_of(scorer: ScorerSettings) -> str:
    if scorer.kind in KINDS:
        return judge_hash(scorer)
    if scorer.kind == "inspect":
        raise BadRequest(
            "Scores of a task of Inspect AI say nothing that could be looked up here.",
            hint="Make a suite of recorded answers of them.",
        )
    return scorer_of(scorer, others=KINDS).hash
