"""Calls by their numbers: all of them as numbers first, then some of them whole, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, false, or_, select

from freehold.ledger.filters import Filter, traffic, where
from freehold.ledger.tables import calls, feedback, names

_TOGETHER = 20_000


class Numbers:
    """The numbers of calls whose requests are kept, a few thousand at a time."""

    def __init__(
        self,
        chosen: Filter,
        *,
        without_keys: tuple[str, ...],
        longest: int,
        corrected: bool = False,
        with_feedback: bool = False,
    ) -> None:
        """`without_keys`: calls are left out whose key's id begins like one of these. `longest`: bytes of a request.
        `corrected`: only calls whose answers were corrected by feedback; `with_feedback`: that there is feedback on.
        """
        self._corrected = corrected
        self._with_feedback = with_feedback
        self._chosen = traffic(chosen)
        self._without = without_keys
        self._longest = longest
        self.too_long = 0
        """Calls whose request is longer than that, as far as was read."""
        self.without_body = 0
        """Calls whose request was never kept, as far as was read."""

    def read(self, connection: Connection, after: int) -> tuple[list[int], int | None]:
        """Some numbers behind `after`, and the last that was looked at; None: there are no more."""
        begins = (names.c.name.startswith(one, autoescape=True) for one in self._without)
        others = select(names.c.id).where(or_(false(), *begins))
        query = (
            select(calls.c.seq, calls.c.request_digest.is_not(None), calls.c.request_bytes)
            .where(calls.c.seq > after, *where(connection, self._chosen))
            .where(or_(calls.c.key.is_(None), calls.c.key.not_in(others)))
            .order_by(calls.c.seq)
            .limit(_TOGETHER)
        )
        if self._corrected:
            corrections = select(feedback.c.call_id).where(feedback.c.correction.is_not(None))
            query = query.where(calls.c.id.in_(corrections))
        elif self._with_feedback:
            query = query.where(calls.c.id.in_(select(feedback.c.call_id)))
        rows = connection.execute(query).all()
        kept = [(int(seq), size) for seq, is_kept, size in rows if is_kept]
        found = [seq for seq, size in kept if size <= self._longest]
        self.without_body += len(rows) - len(kept)
        self.too_long += len(kept) - len(found)
        return found, int(rows[-1][0]) if len(rows) == _TOGETHER else None


def rows_of(connection: Connection, numbers: Sequence[int]) -> Iterator[Row[Any]]:
    """The rows of these calls, in the order of the numbers; of those that are gone, none."""
    query = select(calls).where(calls.c.seq.in_(numbers))
    found = {row.seq: row for row in connection.execute(query)}
    return (found[number] for number in numbers if number in found)
