"""What clients say of the answers they got: good or bad, how good, in words, and what would have been right.

Of each call, key and name the last word stands. Whoever follows feedback by `seq` meets it again when it was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, Row, case, delete, insert, select, tuple_, update

from freehold.core.errors import BadRequest
from freehold.core.moments import Moment, iso
from freehold.ledger.tables import feedback
from freehold.store.server import is_server, take_lock

Kind = Literal["flag", "number", "text", "correction"]
"""
flag        good or bad
number      from 0 (as bad as can be) to 1
text        words
correction  nothing but the answer that would have been right
"""

MOST_WORDS = 10_000
"""Characters of a text."""
MOST_CORRECTED = 100_000
"""Characters of a correction."""
DEFAULT_NAME = "feedback"

_Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
_Number = Annotated[float, Meta(ge=0, le=1)]
_STEP = 1000
"""Rows that retention takes in one transaction."""


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Feedback as it is sent: a value, a correction, or both."""

    value: bool | _Number | Annotated[str, Meta(max_length=MOST_WORDS)] | None = None
    """True or false, a number from 0 to 1, or words."""
    name: _Name = DEFAULT_NAME
    """What was asked: `thumbs`, `resolved`. Each name has a value of its own."""
    correction: Annotated[str, Meta(max_length=MOST_CORRECTED)] | None = None
    """The answer that would have been right."""

    @property
    def kind(self) -> Kind:
        """What its value is."""
        if self.value is None:
            return "correction"
        if isinstance(self.value, bool):
            return "flag"
        return "text" if isinstance(self.value, str) else "number"

    @property
    def has_words(self) -> bool:
        """Whether it says something that a call's body could have said."""
        return isinstance(self.value, str) or self.correction is not None

    def check(self) -> None:
        """Raises BadRequest when it says nothing, or what cannot be kept."""
        blank = self.value is None or (isinstance(self.value, str) and not self.value.strip())
        if blank and not (self.correction or "").strip():
            raise BadRequest(
                "The feedback says nothing.",
                hint='Send `{"value": true}`, a number from 0 to 1, a text, or a `correction`.',
                param="value",
            )
        if self.name.endswith("\n"):  # which the pattern lets pass
            raise BadRequest("`name` ends with a line break - at `$.name`.", param="name")
        for name in ("value", "correction"):
            words = getattr(self, name)
            if isinstance(words, str) and "\0" in words:
                raise BadRequest(f"`{name}` holds a character that no text has: U+0000.", param=name)


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One word on a call, as it is kept."""

    seq: int = 0
    """Grows in the order in which feedback was given. Never used twice."""
    call_id: str
    call_us: int
    """When the call began."""
    at_us: int
    by: str
    """The id of the key that gave it, or an administrator."""
    name: str
    kind: Kind
    number: float | None = None
    """Of a flag, 0 or 1; None: there is none."""
    text: str | None = None
    """None: there is none, or retention has taken it."""
    correction: str | None = None


class Vote(msgspec.Struct, frozen=True):
    """What one word on a call says of it, without what is said in words: many fit into memory."""

    seq: int
    call_id: str
    call_us: int
    score: float | None
    """From 0 to 1. Whoever says nothing but what would have been right says that it was not. None: it says nothing that
    counts.
    """


class ShownFeedback(msgspec.Struct, kw_only=True):
    """Feedback as programs see it."""

    call: str
    at: Moment
    by: str
    name: str
    kind: Kind
    number: float | None
    """From 0 to 1; a flag is 0 or 1."""
    text: str | None
    """Null: there is none, it is not shown here, or it is not kept any more."""
    correction: str | None


def make_feedback(given: Given, call_id: str, *, call_us: int, at_us: int, by: str) -> Feedback:
    """What is to be kept of what was given."""
    value = given.value
    return Feedback(
        call_id=call_id,
        call_us=call_us,
        at_us=at_us,
        by=by,
        name=given.name,
        kind=given.kind,
        number=None if value is None or isinstance(value, str) else float(value),
        text=value if isinstance(value, str) else None,
        correction=given.correction,
    )


def show_feedback(one: Feedback, *, words: bool) -> ShownFeedback:
    """One of them; `words`: with what it says in words."""
    return ShownFeedback(
        call=one.call_id,
        at=iso(one.at_us),
        by=one.by,
        name=one.name,
        kind=one.kind,
        number=one.number,
        text=one.text if words else None,
        correction=one.correction if words else None,
    )


def write_feedback(connection: Connection, some: Sequence[Feedback]) -> None:
    """Keep these, each in place of what the same key said before under the same name."""
    last = {(one.call_id, one.name, one.by): one for one in some}
    if is_server(connection):
        take_lock(connection, "order of feedback")
    same = tuple_(feedback.c.call_id, feedback.c.name, feedback.c.by)
    connection.execute(delete(feedback).where(same.in_(list(last))))
    rows = [msgspec.structs.asdict(one) for one in last.values()]
    for row in rows:
        del row["seq"]
    connection.execute(insert(feedback), rows)


def read_after(connection: Connection, seq: int, limit: int) -> list[Vote]:
    """What was given after the one with this `seq`, in that order."""
    this = feedback.c
    score = case((this.number.is_not(None), this.number), (this.correction.is_not(None), 0.0))
    query = select(this.seq, this.call_id, this.call_us, score).where(this.seq > seq)
    return [Vote(*row) for row in connection.execute(query.order_by(this.seq).limit(limit))]


def read_of(connection: Connection, call_ids: Sequence[str]) -> dict[str, tuple[Feedback, ...]]:
    """The feedback on these calls, the oldest first; a call without any is not there."""
    found: dict[str, tuple[Feedback, ...]] = {}
    query = select(feedback).where(feedback.c.call_id.in_(call_ids)).order_by(feedback.c.seq)
    for row in connection.execute(query) if call_ids else ():
        found[row.call_id] = (*found.get(row.call_id, ()), _of(row))
    return found


def forget_words(connection: Connection, call_id: str) -> None:
    """Let go of everything that was said in words of a call."""
    this = update(feedback).where(feedback.c.call_id == call_id)
    connection.execute(this.values(text=None, correction=None))


def forget_old_words(connection: Connection, until_us: int) -> bool:
    """Let go of what was said in words of calls that began before then: a step. Whether there may be more."""
    has_words = feedback.c.text.is_not(None) | feedback.c.correction.is_not(None)
    old = select(feedback.c.seq).where(feedback.c.call_us < until_us, has_words).limit(_STEP)
    done = connection.execute(
        update(feedback).where(feedback.c.seq.in_(old)).values(text=None, correction=None)
    )
    return done.rowcount == _STEP


def delete_old(connection: Connection, until_us: int) -> bool:
    """Delete feedback on calls that began before then: a step. Whether there may be more."""
    old = select(feedback.c.seq).where(feedback.c.call_us < until_us).limit(_STEP)
    return connection.execute(delete(feedback).where(feedback.c.seq.in_(old))).rowcount == _STEP


def _of(row: Row[Any]) -> Feedback:
    return Feedback(**row._mapping)
