"""Which calls are meant, and the words that their rows refer to by number."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from freehold.ledger.tables import calls, names


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are meant: those that agree with everything given here."""

    route: str | None = None
    provider: str | None = None
    model: str | None = None
    """The provider's own name, or `provider/model`."""
    key_id: str | None = None
    outcome: str | None = None
    operation: str | None = None
    error: str | None = None
    since_us: int | None = None
    """Begun at this time or later."""
    until_us: int | None = None
    """Begun before this time."""
    mirrors: bool | None = None
    """Whether copies of calls are meant, too: calls with and without them; None: as is usual for what is asked. Lists
    have them, what is counted has not. Where an `operation` is given, that says it."""
    policy: str | None = None
    """The policy that decided."""
    rollout: str | None = None
    """Id of the rollout that the decision was part of."""
    arm: str | None = None
    """`incumbent` or `candidate`: the side of a rollout."""
    mirrors_of: str | None = None
    """Copies of the call with this id."""

    @property
    def asks_calls(self) -> bool:
        """Whether it asks for something that the calls alone can tell, and no roll-up."""
        return any(one is not None for one in (self.policy, self.rollout, self.arm, self.mirrors_of))


ALL = Filter()


def traffic(chosen: Filter) -> Filter:
    """The same calls without copies, unless those are asked for: what is counted is what clients did."""
    if chosen.mirrors is not None or chosen.operation is not None or chosen.mirrors_of is not None:
        return chosen
    return msgspec.structs.replace(chosen, mirrors=False)


class Words:
    """The words of one reading: number -> word. The oldest, which are most used, are loaded together at first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._words: dict[int, str] | None = None

    def __call__(self, number: int | None) -> str | None:
        """The word of a number; None for None."""
        if number is None:
            return None
        if self._words is None:
            query = select(names).order_by(names.c.id).limit(_TOGETHER)
            self._words = {row.id: row.name for row in self._connection.execute(query)}
        word = self._words.get(number)
        if word is None:
            # Words that are new at the same time are asked for at the same time.
            query = select(names).where(names.c.id >= number).order_by(names.c.id).limit(_TOGETHER)
            self._words |= {row.id: row.name for row in self._connection.execute(query)}
            word = self._words[number]
        return word


def where(connection: Connection, chosen: Filter, table: Table = calls) -> list[ColumnElement[bool]]:
    """The conditions of a filter, of another table than `calls` without those of time.

    A word that the ledger has never seen selects nothing.
    """
    conditions: list[ColumnElement[bool]] = []
    words = {
        table.c.route: chosen.route,
        table.c.provider: chosen.provider,
        table.c.key: chosen.key_id,
        table.c.outcome: chosen.outcome,
        table.c.operation: chosen.operation,
        table.c.error: chosen.error,
    }
    for column, word in words.items():
        if word is not None:
            conditions.append(column == _number(connection, word))
    if chosen.model is not None:
        # A provider's own name may hold a slash as well.
        provider, _, model = chosen.model.partition("/")
        both = and_(
            table.c.provider == _number(connection, provider), table.c.model == _number(connection, model)
        )
        conditions.append(or_(table.c.model == _number(connection, chosen.model), both))
    if chosen.mirrors is False and (number := _number(connection, "mirror")) != _NONE:
        conditions.append(table.c.operation != number)
    if chosen.asks_calls and table is calls:
        conditions += _of_calls_alone(chosen)
    if chosen.since_us is not None and table is calls:
        conditions.append(calls.c.started_us >= chosen.since_us)
    if chosen.until_us is not None and table is calls:
        conditions.append(calls.c.started_us < chosen.until_us)
    return conditions


def _of_calls_alone(chosen: Filter) -> Iterator[ColumnElement[bool]]:
    """Decisions are told by their text, which begins with the policy and ends with rollout and arm."""
    if chosen.mirrors_of is not None:
        yield calls.c.mirrors == chosen.mirrors_of
    if chosen.policy is None and chosen.rollout is None and chosen.arm is None:
        return
    text = calls.c.decision
    yield text.is_not(None)
    if chosen.policy is not None:
        yield text.startswith('{"policy":' + _quoted(chosen.policy) + ",", autoescape=True)
    rollout = "" if chosen.rollout is None else '"rollout":' + _quoted(chosen.rollout)
    arms = ("incumbent", "candidate") if chosen.arm is None else (chosen.arm,)
    endings = [",".join(filter(None, (rollout, '"arm":' + _quoted(arm)))) for arm in arms]
    if chosen.arm is None:
        endings = [rollout, *endings] if rollout else []
    if endings:
        yield or_(*(text.endswith("," + ending + "}", autoescape=True) for ending in endings))


def _quoted(word: str) -> str:
    return msgspec.json.encode(word.encode(errors="replace").decode()).decode()


def _number(connection: Connection, word: str) -> int:
    found = connection.execute(select(names.c.id).where(names.c.name == word)).scalar()
    return _NONE if found is None else int(found)


_TOGETHER = 1000
_NONE = -1
"""No word has this number."""
