"""What is kept of comparisons: their answers, scores, pairs and verdicts. Methods wait, and raise StoreError."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sql

from freehold.compare import tables
from freehold.compare.answer import Answer
from freehold.compare.database import Database, pack, unpack
from freehold.compare.scoring import Scored
from freehold.compare.terms import Comparison, Terms
from freehold.compare.verdict import Decision, Verdict
from freehold.core.errors import BadRequest, NotFound
from freehold.ledger.rows import pico_of
from freehold.store.bulk import Upsert

_PICO = Decimal("1e12")
_CHUNK = 500
_comparisons, _answers, _scores = tables.comparisons.c, tables.answers.c, tables.scores.c
_pairs, _verdicts = tables.pairs.c, tables.verdicts.c


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer on its way into the archive."""

    answer: Answer
    request_hash: str
    comparison: str | None
    sample: int = 0
    """Which one, where the same was asked several times because several answers were wanted."""


class KeptScore(msgspec.Struct, frozen=True):
    """A score on its way into the archive."""

    answer: str
    scorer: str
    scored: Scored
    against: str = ""
    """The incumbent's answer, where two were judged against each other."""


class Known(msgspec.Struct, frozen=True):
    """Where a score is found again."""

    answer: str
    against: str
    scorer: str


class PairRow(msgspec.Struct, frozen=True):
    """A pair as it is kept."""

    candidate: str
    position: int
    drawn: int
    case_id: str
    incumbent_answer: str
    candidate_answer: str
    difference: float | None
    why: str | None


class Arrived(msgspec.Struct):
    """What is to be kept."""

    answers: list[KeptAnswer] = []
    scores: list[KeptScore] = []
    pairs: list[PairRow] = []

    @property
    def size(self) -> int:
        """How many rows it makes."""
        return len(self.answers) + len(self.scores) + len(self.pairs)


class Archive:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = self.database = database

    # Comparisons

    def begin(self, comparison: Comparison) -> None:
        """A new comparison."""
        with self._database.writing() as connection:
            connection.execute(tables.comparisons.insert().values(**_row(comparison)))

    def save(self, comparison: Comparison) -> None:
        """A comparison as it is now."""
        with self._database.writing() as connection:
            connection.execute(
                tables.comparisons.update().where(_comparisons.id == comparison.id).values(**_row(comparison))
            )

    def find(self, which: str) -> Comparison:
        """By its id, or by a beginning of it that no other one has. Raises NotFound, BadRequest."""
        prefix = which if which.startswith("comparison_") else f"comparison_{which}"
        found = self._those(_comparisons.id.startswith(prefix, autoescape=True), limit=2)
        exact = [one for one in found if one.id == prefix]
        if exact or len(found) == 1:
            return (exact or found)[0]
        if found:
            raise BadRequest(f"Several comparisons begin with `{which}`.", hint="Write more of the id.")
        raise NotFound(
            f"There is no comparison `{which}`.", hint="`freehold compare list` shows those there are."
        )

    def newest(self, limit: int = 50, *, behind: Comparison | None = None) -> list[Comparison]:
        """The newest first. `behind`: only those after this one."""
        if behind is None:
            return self._those(limit=limit)
        earlier = _comparisons.begun_us < behind.begun_us
        as_early = sql.and_(_comparisons.begun_us == behind.begun_us, _comparisons.id < behind.id)
        return self._those(sql.or_(earlier, as_early), limit=limit)

    def same(self, suite: str, terms: Terms) -> Comparison | None:
        """The newest comparison of this suite on these terms that did not come to its end."""
        written = _terms(terms)
        here = [
            _comparisons.suite == suite,
            _comparisons.settings == written,
            _comparisons.state != "done",
        ]
        found = self._those(*here, limit=1)
        return found[0] if found else None

    def _those(self, *where: sql.ColumnElement[bool], limit: int) -> list[Comparison]:
        if not self._database.exists:
            return []
        chosen = (
            sql.select(tables.comparisons)
            .where(*where)
            .order_by(_comparisons.begun_us.desc(), _comparisons.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_comparison(row) for row in connection.execute(chosen)]

    # Answers and scores

    def keep(self, comparison: str, arrived: Arrived, charged_nano: int) -> None:
        """What has arrived, and what the comparison was charged so far: all or nothing."""
        answers = [_answer_row(one) for one in arrived.answers]
        scores = [_score_row(one) for one in arrived.scores]
        pairs = [_pair_row(comparison, one) for one in arrived.pairs]
        with self._database.writing() as connection:
            _put(connection, tables.answers, answers)
            _put(connection, tables.scores, scores)
            _put(connection, tables.pairs, pairs)
            connection.execute(
                tables.comparisons.update()
                .where(_comparisons.id == comparison)
                .values(charged_nano=charged_nano)
            )

    def answers(self, ids: Sequence[str]) -> dict[str, Answer]:
        """Answers by their ids."""
        found: dict[str, bytes] = {}
        with self._database.reading() as connection:
            for some in _portions(sorted(set(ids))):
                chosen = sql.select(_answers.id, _answers.body).where(_answers.id.in_(some))
                found |= {row.id: row.body for row in connection.execute(chosen)}
        return {answer_id: unpack(body, Answer) for answer_id, body in found.items()}

    def known_answers(
        self,
        hashes: Sequence[str],
        models: Sequence[str],
        comparison: Comparison,
        *,
        sample: int = 0,
        handed_in: bool = True,
    ) -> dict[tuple[str, str], Answer]:
        """Answers to these requests, by hash and model: those that this comparison asked for, or that were handed in
        with its suite, and unless it is to be fresh the newest that another comparison got. What failed for others is
        not taken over, nor what was handed in with another suite: a file may say what its writer likes a model to say.

        `handed_in`: False for judges, who have to have been asked.
        """
        own = _answers.comparison == comparison.id
        ours = sql.or_(own, _answers.suite == comparison.suite) if handed_in else own
        anybody = sql.or_(ours, sql.and_(_answers.suite.is_(None), _answers.failure.is_(None)))
        rows: list[Any] = []
        with self._database.reading() as connection:
            for some in _portions(sorted(set(hashes))):
                chosen = (
                    sql.select(
                        _answers.request_hash,
                        _answers.model,
                        _answers.suite,
                        _answers.comparison,
                        _answers.body,
                    )
                    .where(
                        _answers.request_hash.in_(some), _answers.model.in_(models), _answers.sample == sample
                    )
                    .where(ours if comparison.terms.fresh else anybody)
                    .order_by(_answers.made_us, _answers.id)
                )
                rows += connection.execute(chosen).all()
        # Later ones win; over them what came with the suite, and over all what was asked for this comparison.
        rows.sort(key=lambda row: (row.comparison == comparison.id, row.suite is not None))
        return {(row.request_hash, row.model): unpack(row.body, Answer) for row in rows}

    def known_scores(self, answers: Sequence[str]) -> dict[Known, Scored]:
        """The scores of these answers."""
        rows: list[Any] = []
        with self._database.reading() as connection:
            for some in _portions(sorted(set(answers))):
                rows += connection.execute(sql.select(tables.scores).where(_scores.answer.in_(some))).all()
        return {Known(row.answer, row.against, row.scorer): unpack(row.body, Scored) for row in rows}

    def put_scores(self, scores: Sequence[KeptScore]) -> None:
        """Scores in place of those there are."""
        with self._database.writing() as connection:
            _put(connection, tables.scores, [_score_row(one) for one in scores])

    # Pairs and verdicts

    def put_pairs(self, comparison: str, pairs: Sequence[PairRow]) -> None:
        """Pairs in place of those there are."""
        with self._database.writing() as connection:
            _put(connection, tables.pairs, [_pair_row(comparison, one) for one in pairs])

    def pairs(self, comparison: str, candidate: str) -> Iterator[list[PairRow]]:
        """The pairs of a candidate in their order, read in portions."""
        after = -1
        while True:
            chosen = (
                sql.select(tables.pairs)
                .where(_pairs.comparison == comparison, _pairs.candidate == candidate)
                .where(_pairs.position > after)
                .order_by(_pairs.position)
                .limit(_CHUNK)
            )
            with self._database.reading() as connection:
                rows = [_pair(row) for row in connection.execute(chosen)]
            if not rows:
                return
            yield rows
            after = rows[-1].position

    def drawn_pairs(self, comparison: str, first: int, last: int) -> list[PairRow]:
        """The pairs of all candidates whose units were drawn from `first` to `last`."""
        chosen = sql.select(tables.pairs).where(
            _pairs.comparison == comparison, _pairs.drawn >= first, _pairs.drawn <= last
        )
        with self._database.reading() as connection:
            return [_pair(row) for row in connection.execute(chosen)]

    def put_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Verdicts in place of those there are."""
        rows = [_verdict_row(one) for one in verdicts]
        with self._database.writing() as connection:
            _put(connection, tables.verdicts, rows)

    def verdicts(self, comparison: str) -> list[Verdict]:
        """By candidate in the order of their names, the one over everything first."""
        chosen = (
            sql.select(_verdicts.body)
            .where(_verdicts.comparison == comparison)
            .order_by(_verdicts.candidate, _verdicts.task_class)
        )
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Verdict) for (body,) in connection.execute(chosen)]

    def decisions(self, comparisons: Sequence[str]) -> dict[str, dict[str, Decision]]:
        """What was decided over everything, by comparison and candidate; nothing of those without a verdict."""
        found: dict[str, dict[str, Decision]] = {}
        with self._database.reading() as connection:
            for some in _portions(comparisons):
                chosen = (
                    sql.select(_verdicts.comparison, _verdicts.candidate, _verdicts.verdict)
                    .where(_verdicts.comparison.in_(some), _verdicts.task_class == "")
                    .order_by(_verdicts.candidate)
                )
                for row in connection.execute(chosen):
                    found.setdefault(row.comparison, {})[row.candidate] = row.verdict
        return found

    # Sums

    def spent(self, comparison: str) -> tuple[Decimal, int]:
        """What the answers of a comparison cost, judges' among them, and how many have a cost that nobody knows."""
        return self._sum(_answers.comparison == comparison)

    def cost_of(self, comparison: str, candidate: str) -> Decimal | None:
        """What a candidate's counted answers, and the judges of them, cost; None: that is not known of each."""
        total = Decimal(0)
        for rows in self.pairs(comparison, candidate):
            answers = [row.candidate_answer for row in rows if row.candidate_answer]
            calls = [call for one in self.known_scores(answers).values() for call in one.call_ids]
            for column, names in ((_answers.id, answers), (_answers.call_id, calls)):
                for some in _portions(names):
                    known, unknown = self._sum(_answers.comparison == comparison, column.in_(some))
                    if unknown:
                        return None
                    total += known
        return total

    def _sum(self, *where: sql.ColumnElement[bool]) -> tuple[Decimal, int]:
        chosen = sql.select(
            sql.func.coalesce(sql.func.sum(_answers.cost_pico), 0),
            sql.func.count() - sql.func.count(_answers.cost_pico),
        ).where(*where)
        with self._database.reading() as connection:
            known, unknown = connection.execute(chosen).one()
        return Decimal(int(known)) / _PICO, int(unknown)


Row = tuple[object, ...]


def _replacing(table: sql.Table) -> Upsert:
    keys = {column.name for column in table.primary_key}
    return Upsert(table, {column.name: "{new}" for column in table.c if column.name not in keys})


_KEPT = {
    table.name: (_replacing(table), len(table.primary_key))
    for table in (tables.answers, tables.scores, tables.pairs, tables.verdicts)
}


def _put(connection: sql.Connection, table: sql.Table, rows: Sequence[Row]) -> None:
    """Rows, their keys first, in place of those with the same keys. Of two in `rows`, the last."""
    upsert, keys = _KEPT[table.name]
    upsert.run(connection, list({row[:keys]: row for row in rows}.values()))


def _portions(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(items), _CHUNK):
        yield items[at : at + _CHUNK]


def _terms(terms: Terms) -> str:
    return msgspec.json.encode(terms, order="deterministic").decode()


def _row(comparison: Comparison) -> dict[str, object]:
    row = msgspec.structs.asdict(comparison)
    terms = row.pop("terms")
    return {**row, "route": terms.route, "incumbent": terms.incumbent, "settings": _terms(terms)}


def _comparison(row: Any) -> Comparison:
    values = dict(row._mapping)
    terms = msgspec.json.decode(values.pop("settings"), type=Terms)
    del values["route"], values["incumbent"]
    return Comparison(terms=terms, **values)


def _pair(row: Any) -> PairRow:
    values = dict(row._mapping)
    del values["comparison"]
    return PairRow(**values)


# In the order of the tables' columns.


def _pair_row(comparison: str, pair: PairRow) -> Row:
    return (comparison, *msgspec.structs.astuple(pair))


def _answer_row(kept: KeptAnswer) -> Row:
    answer = kept.answer
    return (
        answer.id,
        answer.model,
        kept.request_hash,
        kept.sample,
        None,
        kept.comparison,
        answer.call_id,
        answer.failure,
        pico_of(answer.cost),
        answer.made_us,
        pack(answer),
    )


def _score_row(kept: KeptScore) -> Row:
    return (kept.answer, kept.against, kept.scorer, kept.scored.value, pack(kept.scored))


def _verdict_row(one: Verdict) -> Row:
    body = msgspec.json.encode(one).decode()
    return (one.comparison, one.candidate, one.task_class, one.decision, body, one.made_us)
