"""What is kept of pairs. Methods wait for the database, and raise StoreError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
import sqlalchemy as sql

from freehold.rollout.shadow import tables
from freehold.rollout.shadow.order import ShadowOrder
from freehold.rollout.shadow.pairs import Pair, PairTally
from freehold.store.server import is_server, take_lock

# Why a call may not be copied.
USED_UP = "the stage has its copies"
SPENT = "the budget is used up"
COPIED_BEFORE = "it was copied before"

_LEFT_BEHIND_US = 30_000_000
"""After so long without a sign of life, a copy that is on its way went with its process. What it may have cost stays
counted.
"""
_pairs, _passed_over = tables.pairs.c, tables.passed_over.c
_decode = msgspec.json.Decoder(Pair).decode
_encode = msgspec.json.Encoder().encode


class Places(Protocol):
    """A database, opened where it is used."""

    def writing(self) -> AbstractContextManager[sql.Connection]:
        """A transaction that is committed at the end."""

    def reading(self) -> AbstractContextManager[sql.Connection]:
        """One state of everything."""


class PairArchive:
    """The pairs of all rollouts."""

    def __init__(self, database: Places) -> None:
        self._database = database

    def claim(self, order: ShadowOrder, pair: str, call: str, at_us: int, worst_pico: int) -> str | None:
        """Why the call may not be copied; None: it may. Its copy is on record from then on, so no process and no
        restart sends more copies than there are to be, or spends more. `worst_pico`: the most that it may cost.
        """
        with self._database.writing() as connection:
            if is_server(connection):
                take_lock(connection, "pairs")
            tally = _tally(connection, order.rollout, order.stage, at_us)
            if tally.claimed >= order.calls:
                return USED_UP
            if order.budget_pico is not None and tally.spent_pico + worst_pico > order.budget_pico:
                return SPENT
            known = sql.select(_pairs.id).where(_pairs.rollout == order.rollout, _pairs.call == call)
            if connection.execute(known).first() is not None:
                return COPIED_BEFORE
            connection.execute(
                tables.pairs.insert().values(
                    id=pair,
                    rollout=order.rollout,
                    stage=order.stage,
                    call=call,
                    at_us=at_us,
                    spent_pico=worst_pico,
                )
            )
            return None

    def finish(self, pair: Pair) -> None:
        """What came of a copy."""
        with self._database.writing() as connection:
            if is_server(connection):
                take_lock(connection, "pairs")
            last = connection.execute(
                sql.select(sql.func.max(_pairs.seq)).where(_pairs.rollout == pair.rollout)
            ).scalar()
            finished = msgspec.structs.replace(pair, seq=(last or 0) + 1)
            values = {
                "mirror": finished.mirror,
                "seq": finished.seq,
                "difference": finished.difference,
                "body": _encode(finished).decode(),
            }
            if finished.spent_pico is not None:
                values["spent_pico"] = finished.spent_pico
            connection.execute(tables.pairs.update().where(_pairs.id == pair.id).values(**values))

    def keep_alive(self, pairs: Sequence[str], at_us: int) -> None:
        """These are still on their way. To be told every few seconds."""
        here = sql.and_(_pairs.id.in_(pairs), _pairs.seq.is_(None))
        with self._database.writing() as connection:
            connection.execute(tables.pairs.update().where(here).values(at_us=at_us))

    def release(self, pair: str) -> None:
        """The copy was not sent after all."""
        with self._database.writing() as connection:
            connection.execute(tables.pairs.delete().where(_pairs.id == pair, _pairs.seq.is_(None)))

    def abandon(self, pair: str) -> None:
        """The copy was sent, and nobody waits for what comes of it. What it may have cost stays counted."""
        with self._database.writing() as connection:
            open_ = sql.and_(_pairs.id == pair, _pairs.seq.is_(None))
            connection.execute(tables.pairs.update().where(open_).values(at_us=0))

    def after(self, rollout: str, seq: int, limit: int = 1000) -> list[Pair]:
        """The finished pairs behind number `seq`, in the order in which they were finished. None comes later with a
        lower number.
        """
        chosen = (
            sql.select(_pairs.body)
            .where(_pairs.rollout == rollout, _pairs.seq > seq)
            .order_by(_pairs.seq)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_decode(row.body) for row in connection.execute(chosen)]

    def tally(self, rollout: str, stage: int, at_us: int) -> PairTally:
        """How far the copies of a stage are; `at_us`: now."""
        with self._database.reading() as connection:
            return _tally(connection, rollout, stage, at_us)

    def pass_over(self, counted: Mapping[tuple[str, str], int]) -> None:
        """So many more calls were not copied, by rollout and why."""
        with self._database.writing() as connection:
            if is_server(connection):
                take_lock(connection, "pairs")
            for (rollout, why), calls in counted.items():
                here = sql.and_(_passed_over.rollout == rollout, _passed_over.why == why)
                more = tables.passed_over.update().where(here).values(calls=_passed_over.calls + calls)
                if not connection.execute(more).rowcount:
                    connection.execute(
                        tables.passed_over.insert().values(rollout=rollout, why=why, calls=calls)
                    )

    def passed_over(self, rollout: str) -> dict[str, int]:
        """How many calls were not copied, by why; the most frequent reason first."""
        chosen = (
            sql.select(_passed_over.why, _passed_over.calls)
            .where(_passed_over.rollout == rollout)
            .order_by(_passed_over.calls.desc(), _passed_over.why)
        )
        with self._database.reading() as connection:
            return {row.why: row.calls for row in connection.execute(chosen)}


def _tally(connection: sql.Connection, rollout: str, stage: int, at_us: int) -> PairTally:
    here, finished = _pairs.stage == stage, _pairs.seq.is_not(None)
    # Nobody gives signs of life from the time to come: the clock was set back.
    lately = _pairs.at_us.between(at_us - _LEFT_BEHIND_US + 1, at_us + _LEFT_BEHIND_US - 1)
    alive = sql.or_(finished, lately)
    row = connection.execute(
        sql.select(
            sql.func.count().filter(here, alive),
            sql.func.count().filter(here, finished),
            sql.func.count().filter(here, _pairs.difference.is_not(None)),
            sql.func.coalesce(sql.func.sum(_pairs.spent_pico), 0),
        ).where(_pairs.rollout == rollout)
    ).one()
    return PairTally(row[0], row[1], row[2], int(row[3]))
