"""Reads the ledger: lists of calls, one call with its bodies, sums of spending, and what is missing.

Every question opens a file anew and is short, so that a reader hardly holds up the writer and need not notice
when the file was replaced in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, func, select, tuple_

from freehold.core.decision import Decision
from freehold.core.errors import BadRequest, NotFound
from freehold.core.money import UNKNOWN_COST, Cost
from freehold.ledger import drawing, finding, lost, paces, spending, totals
from freehold.ledger.adding import HOUR_US
from freehold.ledger.bodies import shown, unpack
from freehold.ledger.feedback import Feedback, Vote, read_after, read_of
from freehold.ledger.filters import ALL, Filter, Words, traffic, where
from freehold.ledger.lost import LossCount
from freehold.ledger.record import Call
from freehold.ledger.rows import call_of, cost_of, decision_in
from freehold.ledger.runs import Gap, Run, read_gaps, read_runs
from freehold.ledger.spans import Plan, plan_of
from freehold.ledger.tables import bodies, calls, names, reach
from freehold.store.database import is_made, open_to_read, reading, size_on_disk, store_errors
from freehold.store.places import Place

_CHUNK = 500
_CHUNK_WITH_BODIES = 100
_PREFIX = "call_"
_Stored = dict[tuple[int, bytes], bytes]


class Entry(msgspec.Struct, frozen=True):
    """One call as the ledger has it."""

    seq: int
    """Grows in the order in which calls were recorded."""
    call: Call
    """Without its bodies, unless it was asked for with them."""
    cost: Cost = UNKNOWN_COST
    request_digest: str | None = None
    """`sha256:…` of the request's body; None when it was not kept."""
    answer_digest: str | None = None
    feedback: tuple[Feedback, ...] = ()
    """What was said of its answer, the oldest first."""

    @property
    def cursor(self) -> str:
        """Where a list goes on after this call."""
        return f"{self.call.started_us}.{self.seq}"


class Subject(msgspec.Struct, frozen=True):
    """A call that somebody has an opinion on."""

    id: str
    started_us: int
    key_id: str | None
    kept: bool
    """Whether what is said in it is kept, or was until retention took it."""
    feedback: tuple[Feedback, ...]
    """What is there already."""


class Extent(msgspec.Struct, frozen=True):
    """How much there is."""

    calls: int
    bodies: int
    body_bytes: int
    """As stored, compressed."""
    file_bytes: int
    """On the disk, with all that belongs to it."""
    oldest_us: int | None
    newest_us: int | None


class LedgerReader:
    """Answers questions about the ledger at `place`. Methods raise StoreError when it cannot be read."""

    def __init__(self, place: Place, *, patience: float = 60.0) -> None:
        """`patience`: seconds that a server may take over one question."""
        self.place = place
        self._patience = patience
        self._was_there = False

    @property
    def exists(self) -> bool:
        """Whether there is a ledger yet. Raises StoreError: that cannot be seen."""
        if not self._was_there or isinstance(self.place, Path):  # a file may be taken away
            self._was_there = is_made(self.place, "ledger")
        return self._was_there

    def calls(self, chosen: Filter = ALL, *, limit: int = 50, after: str | None = None) -> list[Entry]:
        """The newest calls first, without bodies. `after`: the cursor of the last call of the last page."""
        newest = (calls.c.started_us.desc(), calls.c.seq.desc())
        query, start = select(calls).order_by(*newest), None
        if after is not None:
            start = _position(after)
            # The first condition alone is one that an index can begin at.
            behind = tuple_(calls.c.started_us, calls.c.seq) < start
            query = query.where(calls.c.started_us <= start[0], behind)
        with self._reading() as connection:
            query = query.where(*where(connection, chosen))
            if not finding.is_worth_it(connection, chosen):
                return _entries(connection, query.limit(limit))
            found: list[Entry] = []
            for begin, end in finding.hours_of(connection, chosen, start and start[0]):
                of_hour = query.where(calls.c.started_us >= begin, calls.c.started_us < end)
                found += _entries(connection, of_hour.limit(limit - len(found)))
                if len(found) >= limit:
                    break
            return found

    def recorded_after(self, seq: int, chosen: Filter = ALL, *, limit: int = 500) -> list[Entry]:
        """Calls recorded after the one with this `seq`, in that order: for following. Begin with `last_seq()`."""
        with self._reading() as connection:
            return _entries(connection, _after(seq, limit).where(*where(connection, chosen)))

    def last_seq(self) -> int:
        """The `seq` of the call recorded last; 0 when there is none."""
        with self._reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(calls.c.seq), 0))).scalar_one())

    def call(self, which: str) -> Entry:
        """One call with its bodies, by its id or by a beginning of it that no other call shares.

        A body that retention has deleted is None while its digest stays. Raises NotFound; BadRequest when the
        beginning is not enough.
        """
        prefix = which if which.startswith(_PREFIX) else _PREFIX + which
        with self._reading() as connection:
            # "~" sorts after everything that an id is made of.
            query = (
                select(calls)
                .where(calls.c.id >= prefix, calls.c.id < prefix + "~")
                .order_by(calls.c.id)
                .limit(4)
            )
            rows = connection.execute(query).all()
            if not rows:
                raise NotFound(f"No call is called `{which[:100]}`.", hint="`freehold calls` lists them.")
            if len(rows) > 1 and rows[0].id != prefix:
                some = ", ".join(f"`{row.id}`" for row in rows[:3])
                raise BadRequest(f"More than one call begins with `{which}`.", hint=f"Say more: {some} …")
            found = _with_bodies(_stored(connection, rows[:1]), rows[0], _entry(rows[0], Words(connection)))
            return _with_feedback(connection, [found])[0]

    def decisions(self, ids: Sequence[str]) -> dict[str, Decision]:
        """What was decided for calls, by their whole ids; those without a decision are left out."""
        found: dict[str, Decision] = {}
        with self._reading() as connection:
            for at in range(0, len(ids), _CHUNK):
                some = ids[at : at + _CHUNK]
                query = select(calls.c.id, calls.c.decision).where(calls.c.id.in_(some))
                found |= {
                    row.id: decision_in(row.decision) for row in connection.execute(query) if row.decision
                }
        return found

    def subject(self, call_id: str) -> Subject | None:
        """What has to be known of a call before feedback on it is kept; None: there is no such call."""
        columns = calls.c.id, calls.c.started_us, calls.c.key, calls.c.request_digest
        with self._reading() as connection:
            row = connection.execute(select(*columns).where(calls.c.id == call_id)).first()
            if row is None:
                return None
            key_id = connection.execute(select(names.c.name).where(names.c.id == row.key)).scalar()
            said = read_of(connection, [call_id]).get(call_id, ())
            return Subject(row.id, row.started_us, key_id, row.request_digest is not None, said)

    def feedback_of(self, call_id: str) -> tuple[Feedback, ...]:
        """What was said of a call's answer, the oldest first."""
        with self._reading() as connection:
            return read_of(connection, [call_id]).get(call_id, ())

    def feedback_after(self, seq: int, limit: int = 500) -> list[Vote]:
        """Feedback given or changed after the one with this `seq`, in that order: for following. Begin with 0."""
        with self._reading() as connection:
            return read_after(connection, seq, limit)

    def spend(self, by: spending.By, chosen: Filter = ALL) -> list[spending.Spend]:
        """What was spent by route, provider, model, key or day (UTC); the dearest first, days in order.

        Of traffic, as all that is counted: copies of calls only where the filter asks for them.
        """
        return spending.put_together(by, self._totals((by,), chosen, totals.SPENT))

    def sums(self, by: Sequence[totals.By] = (), chosen: Filter = ALL) -> list[totals.Sum]:
        """All that is added up of these calls, by any of what the roll-ups know, in no order.

        By nothing: one sum, or none when there are no such calls.
        """
        return [totals.sum_of(names, values) for names, values in self._totals(by, chosen, totals.COLUMNS)]

    def paces(self, by: Sequence[totals.By] = (), chosen: Filter = ALL) -> list[paces.Pace]:
        """How fast calls were answered, in no order. For a key, or by key, every call is looked at."""
        chosen, found = traffic(chosen), paces.Found()
        with self._reading() as connection:
            plan = plan_of(connection, chosen, by_hour="hour" in by)
            if not paces.is_kept(by, chosen):
                plan = Plan([], [chosen])
            paces.from_rollups(connection, plan.spans, by, chosen, found)
        if chosen.outcome in (None, "answered"):
            for edge in plan.edges:
                answered = msgspec.structs.replace(edge, outcome="answered")
                for connection, slice_ in self._slices(answered):
                    paces.from_calls(connection, by, slice_, found)
        with self._reading() as connection:
            return [paces.pace_of(*one) for one in totals.named(found, by, Words(connection))]

    def losses(self, chosen: Filter = ALL) -> list[LossCount]:
        """What translations could not carry over, the most frequent first."""
        chosen, found = traffic(chosen), lost.Lost()
        with self._reading() as connection:
            plan = plan_of(connection, chosen)
            lost.from_rollups(connection, plan.spans, chosen, Words(connection), found)
        for edge in plan.edges:
            for connection, slice_ in self._slices(edge):
                lost.from_calls(connection, slice_, Words(connection), found)
        return lost.put_together(found)

    def _totals(
        self, by: Sequence[totals.By], chosen: Filter, columns: Sequence[str]
    ) -> list[tuple[totals.Names, list[int | None]]]:
        chosen, found = traffic(chosen), totals.Totals()
        with self._reading() as connection:
            plan = plan_of(connection, chosen, by_hour="hour" in by)
            totals.from_rollups(connection, plan.spans, by, chosen=chosen, columns=columns, into=found)
            if not plan.edges:
                return list(totals.named(found, by, Words(connection)))
        for edge in plan.edges:
            for connection, slice_ in self._slices(edge):
                totals.from_calls(connection, by, slice_, columns=columns, into=found)
        with self._reading() as connection:
            return list(totals.named(found, by, Words(connection)))

    def _slices(self, chosen: Filter) -> Iterator[tuple[Connection, Filter]]:
        """Readings one after another, each of a part of these calls that does not take long."""
        left: Filter | None = chosen
        while left is not None:
            with self._reading() as connection:
                end = spending.end_of_slice(connection, left)
                yield connection, left if end is None else msgspec.structs.replace(left, until_us=end)
            left = None if end is None else msgspec.structs.replace(left, since_us=end)

    def export(self, chosen: Filter = ALL, *, with_bodies: bool = False) -> Iterator[Entry]:
        """Every call that is there when it begins, in the order of recording; a few hundred in memory."""
        last, seq = self.last_seq(), 0
        size = _CHUNK_WITH_BODIES if with_bodies else _CHUNK
        while True:
            # Short readings one after another, so that the writer can commit in between.
            with self._reading() as connection:
                query = _after(seq, size).where(calls.c.seq <= last, *where(connection, chosen))
                rows, words = connection.execute(query).all(), Words(connection)
                chunk = [_entry(row, words) for row in rows]
                if with_bodies:
                    stored = _stored(connection, rows)
                    chunk = [_with_bodies(stored, row, one) for row, one in zip(rows, chunk, strict=True)]
                chunk = _with_feedback(connection, chunk)
            yield from chunk
            if len(chunk) < size:
                return
            seq = chunk[-1].seq

    def numbers(self, wanted: drawing.Numbers) -> Iterator[list[int]]:
        """The numbers (`seq`) of calls whose requests are kept, in the order of recording, some thousands together."""
        after: int | None = 0
        while after is not None:
            with self._reading() as connection:
                some, after = wanted.read(connection, after)
            yield some

    def numbered(self, numbers: Sequence[int]) -> list[Entry]:
        """The calls of these numbers with their bodies, in that order; what was deleted is left out."""
        with self._reading() as connection:
            rows, words = list(drawing.rows_of(connection, numbers)), Words(connection)
            stored = _stored(connection, rows)
            found = [_with_bodies(stored, row, _entry(row, words)) for row in rows]
            return _with_feedback(connection, found)

    def in_order(self, chosen: Filter, *, size: int, with_bodies: bool = False) -> Iterator[list[Entry]]:
        """The calls of a time in the order in which they began, up to `size` together: no more is in memory."""
        order = (calls.c.started_us, calls.c.seq)
        query, last = select(calls).order_by(*order).limit(size), None
        while True:
            with self._reading() as connection:
                part = query.where(*where(connection, chosen))
                if last is not None:
                    part = part.where(calls.c.started_us >= last[0], tuple_(*order) > last)
                rows, words = connection.execute(part).all(), Words(connection)
                group = [_entry(row, words) for row in rows]
                if with_bodies:
                    stored = _stored(connection, rows)
                    group = [_with_bodies(stored, row, one) for row, one in zip(rows, group, strict=True)]
                group = _with_feedback(connection, group)
            if group:
                yield group
            if len(group) < size:
                return
            last = group[-1].call.started_us, group[-1].seq

    def calls_from_us(self) -> int:
        """Of calls that began before this time, retention may have deleted some."""
        with self._reading() as connection:
            return int(connection.execute(select(reach.c.calls_from_us)).scalar_one())

    def runs(self, limit: int = 20) -> list[Run]:
        """The lives of the processes that wrote this ledger, newest first."""
        with self._reading() as connection:
            return [run for run, _ in read_runs(connection, limit)]

    def gaps(self, since_us: int = 0) -> list[Gap]:
        """Calls known to be missing, oldest first, those of a process killed a moment ago included."""
        with self._reading() as connection:
            return read_gaps(connection, since_us)

    def extent(self) -> Extent:
        """How much there is."""
        with self._reading() as connection:
            ends = select(func.min(calls.c.started_us), func.max(calls.c.started_us))
            oldest, newest = connection.execute(ends).one()
            counted = _count_calls(connection)
            stored = connection.execute(
                select(func.count(), func.coalesce(func.sum(bodies.c.stored_bytes), 0)).select_from(bodies)
            ).one()
            size = size_on_disk(self.place, connection)
        return Extent(counted, stored[0], int(stored[1]), size, oldest, newest)

    @cached_property
    def _engine(self) -> Engine:
        return open_to_read(self.place, "ledger", patience=self._patience)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        engine = self._engine
        with store_errors(self.place), reading(engine) as connection:
            yield connection


def _count_calls(connection: Connection) -> int:
    """How many calls there are: one by one only those that retention is about to delete."""
    there = connection.execute(select(reach)).one()
    whole = Filter(since_us=-(-there.calls_from_us // HOUR_US) * HOUR_US)
    found: totals.Totals = {}
    plan = plan_of(connection, whole)
    totals.from_rollups(connection, plan.spans, (), chosen=whole, columns=("calls",), into=found)
    for one in (*plan.edges, Filter(until_us=whole.since_us)):
        totals.from_calls(connection, (), one, columns=("calls",), into=found)
    return sum(values[0] or 0 for values in found.values())


def _after(seq: int, limit: int) -> Select[Any]:
    return select(calls).where(calls.c.seq > seq).order_by(calls.c.seq).limit(limit)


def _entries(connection: Connection, query: Select[Any]) -> list[Entry]:
    words = Words(connection)
    return _with_feedback(connection, [_entry(row, words) for row in connection.execute(query)])


def _entry(row: Row[Any], words: Words) -> Entry:
    request, answer = row.request_digest, row.answer_digest
    return Entry(
        seq=row.seq,
        call=call_of(row, words),
        cost=cost_of(row, words),
        request_digest=None if request is None else shown(request),
        answer_digest=None if answer is None else shown(answer),
    )


def _with_bodies(stored: _Stored, row: Row[Any], entry: Entry) -> Entry:
    call = msgspec.structs.replace(
        entry.call,
        request_body=_body(stored, row.request_body, row.request_digest),
        answer_body=_body(stored, row.answer_body, row.answer_digest),
    )
    return msgspec.structs.replace(entry, call=call)


def _with_feedback(connection: Connection, entries: list[Entry]) -> list[Entry]:
    said = read_of(connection, [entry.call.id for entry in entries])
    if not said:
        return entries
    return [msgspec.structs.replace(one, feedback=said.get(one.call.id, ())) for one in entries]


def _stored(connection: Connection, rows: Sequence[Row[Any]]) -> _Stored:
    """The bodies of these calls, by their numbers and addresses."""
    numbers = {number for row in rows for number in (row.request_body, row.answer_body) if number is not None}
    query = select(bodies.c.id, bodies.c.digest, bodies.c.stored).where(bodies.c.id.in_(numbers))
    return {(row.id, bytes(row.digest)): row.stored for row in connection.execute(query)} if numbers else {}


def _body(stored: _Stored, number: int | None, digest: bytes | None) -> bytes | None:
    if number is None or digest is None:
        return None
    found = stored.get((number, bytes(digest)))
    return None if found is None else unpack(found)


def _is_count(text: str) -> bool:
    """Whether it is a number that a database can hold."""
    return text.isascii() and text.isdecimal() and int(text) < 2**63


def _position(cursor: str) -> tuple[int, int]:
    started, dot, seq = cursor.partition(".")
    if not (dot and _is_count(started) and _is_count(seq)):
        raise BadRequest(
            f"`{cursor[:100]}` is not a cursor.", hint="Use the one that the page before ended with."
        )
    return int(started), int(seq)
