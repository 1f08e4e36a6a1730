"""What is kept of pairs. Methods wait for the database, and raise StoreError."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
import sqlalchemy as sql

from freehold.rollout.shadow import tables
from freehold.rollout.shadow.order import JUDGING_SECONDS, MOST_PATIENCE, ShadowOrder
from freehold.rollout.shadow.pairs import Pair, PairTally
from freehold.store.server import is_server, take_lock

_LEFT_BEHIND_US = int((MOST_PATIENCE + JUDGING_SECONDS + 60) * 1e6)
"""After so long, a copy that is still on its way went with its process. What it may have cost stays counted."""
_pairs = tables.pairs.c
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

    def claim(self, order: ShadowOrder, pair: str, call: str, at_us: int, worst_pico: int) -> bool:
        """Whether the call may be copied: its copy is on record from then on, so no process and no restart sends more
        copies than there are to be, or spends more. `worst_pico`: the most that it may cost.
        """
        with self._database.writing() as connection:
            if is_server(connection):
                take_lock(connection, "pairs")
            tally = _tally(connection, order.rollout, order.stage, at_us)
            if tally.claimed >= order.calls:
                return False
            if order.budget_pico is not None and tally.spent_pico + worst_pico > order.budget_pico:
                return False
            known = sql.select(_pairs.id).where(_pairs.rollout == order.rollout, _pairs.call == call)
            if connection.execute(known).first() is not None:
                return False
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
            return True

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


def _tally(connection: sql.Connection, rollout: str, stage: int, at_us: int) -> PairTally:
    finished = _pairs.seq.is_not(None)
    alive = sql.or_(finished, _pairs.at_us > at_us - _LEFT_BEHIND_US)
    row = connection.execute(
        sql.select(
            sql.func.count().filter(alive),
            sql.func.count().filter(finished),
            sql.func.count(_pairs.difference),
            sql.func.coalesce(sql.func.sum(_pairs.spent_pico), 0),
        ).where(_pairs.rollout == rollout, _pairs.stage == stage)
    ).one()
    return PairTally(row[0], row[1], row[2], int(row[3]))
