"""What is kept of rollouts: how they stand, and every transition with its evidence.

Methods wait, and raise StoreError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sql

from freehold.core.errors import BadRequest, NotFound, StoreError
from freehold.rollout import tables
from freehold.rollout.database import Database
from freehold.rollout.terms import STANDING, Rollout, Terms, Transition

_rollouts, _transitions = tables.rollouts.c, tables.transitions.c
_progress, _leases = tables.progress.c, tables.leases.c
_LONGEST_LEASE_US = 300_000_000
_encode = msgspec.json.Encoder().encode


class Progress(msgspec.Struct, frozen=True):
    """How far the evidence of a rollout was read."""

    at_us: int
    findings: bytes
    """What the gates say, as JSON."""
    body: bytes
    """The state of the gates."""


class Archive:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = self.database = database

    def begin(self, rollout: Rollout, first: Transition) -> None:
        """A new rollout. Raises BadRequest: its route has one."""
        try:
            with self._database.writing() as connection:
                there = _standing_on(connection, rollout.route)
                if there is None:
                    connection.execute(
                        tables.rollouts.insert().values(**_row(rollout), terms=_terms(rollout))
                    )
                    connection.execute(tables.transitions.insert().values(**_transition_row(first)))
        except StoreError as error:
            if not _is_taken(error):
                raise
            there = self.standing_on(rollout.route)
        if there is not None:
            raise BadRequest(
                f"The route `{rollout.route}` has a rollout already: `{there}`.",
                hint=f"Wait for its end, or take it back: `freehold rollout abort {there}`.",
                param="route",
            )

    def change(self, rollout: Rollout, transition: Transition) -> bool:
        """A rollout as it is after `transition`. False: somebody changed it since it was seen; nothing is done."""
        seen = sql.and_(_rollouts.id == rollout.id, _rollouts.version == transition.version - 1)
        with self._database.writing() as connection:
            changed = connection.execute(tables.rollouts.update().where(seen).values(**_row(rollout)))
            if changed.rowcount != 1:
                return False
            connection.execute(tables.transitions.insert().values(**_transition_row(transition)))
        return True

    def find(self, which: str) -> Rollout:
        """By its id, by a beginning of it that no other one has, or the newest of a route.

        Raises NotFound, BadRequest.
        """
        prefix = which if which.startswith("rollout_") else f"rollout_{which}"
        found = self._those(_rollouts.id.startswith(prefix, autoescape=True), limit=2)
        exact = [one for one in found if one.id == prefix]
        if exact or len(found) == 1:
            return (exact or found)[0]
        of_route = self._those(_rollouts.route == which, limit=1)
        if of_route:
            return of_route[0]
        if found:
            raise BadRequest(f"Several rollouts begin with `{which[:100]}`.", hint="Write more of the id.")
        raise NotFound(
            f"There is no rollout `{which[:100]}`.", hint="`freehold rollout list` shows those there are."
        )

    def newest(self, limit: int = 50, *, behind: Rollout | None = None) -> list[Rollout]:
        """The newest first. `behind`: only those after this one."""
        if behind is None:
            return self._those(limit=limit)
        earlier = _rollouts.begun_us < behind.begun_us
        as_early = sql.and_(_rollouts.begun_us == behind.begun_us, _rollouts.id < behind.id)
        return self._those(sql.or_(earlier, as_early), limit=limit)

    def standing(self) -> list[Rollout]:
        """Those that decide who answers a route."""
        return self._those(_rollouts.standing.is_not(None), limit=10_000)

    def standing_on(self, route: str) -> str | None:
        """The id of the one that decides who answers this route."""
        if not self._database.exists:
            return None
        with self._database.reading() as connection:
            return _standing_on(connection, route)

    def versions(self) -> dict[str, int]:
        """Of every standing rollout, by id: cheap to ask, to see whether anything changed."""
        if not self._database.exists:
            return {}
        chosen = sql.select(_rollouts.id, _rollouts.version).where(_rollouts.standing.is_not(None))
        with self._database.reading() as connection:
            return {row.id: row.version for row in connection.execute(chosen)}

    def transitions(self, rollout: str) -> list[Transition]:
        """Everything that happened to it, the first first."""
        chosen = (
            sql.select(tables.transitions)
            .where(_transitions.rollout == rollout)
            .order_by(_transitions.version)
        )
        with self._database.reading() as connection:
            return [_transition(row) for row in connection.execute(chosen)]

    # How far the evidence is

    def save(self, rollout: str, progress: Progress) -> None:
        """How far the evidence of a rollout was read."""
        values = {"at_us": progress.at_us, "findings": progress.findings.decode(), "body": progress.body}
        with self._database.writing() as connection:
            there = tables.progress.update().where(_progress.rollout == rollout).values(**values)
            if connection.execute(there).rowcount == 0:
                connection.execute(tables.progress.insert().values(rollout=rollout, **values))

    def save_findings(self, rollout: str, at_us: int, findings: bytes) -> None:
        """What the gates say, where it was saved before how far they are."""
        there = tables.progress.update().where(_progress.rollout == rollout)
        with self._database.writing() as connection:
            connection.execute(there.values(at_us=at_us, findings=findings.decode()))

    def progress(self, rollout: str) -> Progress | None:
        """What was saved last; None: nothing."""
        chosen = sql.select(tables.progress).where(_progress.rollout == rollout)
        with self._database.reading() as connection:
            row = connection.execute(chosen).first()
        return None if row is None else Progress(row.at_us, row.findings.encode(), bytes(row.body))

    # Who leads

    def lead(self, name: str, holder: str, now_us: int, until_us: int) -> bool:
        """Whether `holder` is the one who does what one process alone may do, up to `until_us`.

        A lease that lasts much longer than this one is over: the clock was set back, and nobody shall wait for it.
        """
        longest_us = now_us + max(_LONGEST_LEASE_US, 10 * (until_us - now_us))
        mine_or_over = sql.or_(
            _leases.holder == holder, _leases.until_us <= now_us, _leases.until_us > longest_us
        )
        renewed = (
            tables.leases.update()
            .where(_leases.name == name, mine_or_over)
            .values(holder=holder, until_us=until_us)
        )
        try:
            with self._database.writing() as connection:
                if connection.execute(renewed).rowcount == 1:
                    return True
                if (
                    connection.execute(sql.select(_leases.name).where(_leases.name == name)).first()
                    is not None
                ):
                    return False
                connection.execute(tables.leases.insert().values(name=name, holder=holder, until_us=until_us))
        except StoreError as error:
            if not _is_taken(error):
                raise
            return False
        return True

    def retire(self, name: str, holder: str) -> None:
        """Let another one lead."""
        with self._database.writing() as connection:
            connection.execute(tables.leases.delete().where(_leases.name == name, _leases.holder == holder))

    def _those(self, *where: sql.ColumnElement[bool], limit: int) -> list[Rollout]:
        if not self._database.exists:
            return []
        newest = (_rollouts.begun_us.desc(), _rollouts.id.desc())
        chosen = sql.select(tables.rollouts).where(*where).order_by(*newest).limit(limit)
        with self._database.reading() as connection:
            return [_rollout(row) for row in connection.execute(chosen)]


def _is_taken(error: StoreError) -> bool:
    """Whether somebody else was faster, which only happens on a server."""
    return isinstance(error.__cause__, sql.exc.IntegrityError)


def _standing_on(connection: sql.Connection, route: str) -> str | None:
    found = connection.execute(sql.select(_rollouts.id).where(_rollouts.standing == route)).scalar()
    return None if found is None else str(found)


def _row(rollout: Rollout) -> dict[str, object]:
    return {
        "id": rollout.id,
        "route": rollout.route,
        "standing": rollout.route if rollout.state in STANDING else None,
        "state": rollout.state,
        "stage": rollout.stage,
        "stage_us": rollout.stage_us,
        "version": rollout.version,
        "begun_us": rollout.begun_us,
        "ended_us": rollout.ended_us,
    }


def _terms(rollout: Rollout) -> str:
    return _encode(rollout.terms).decode()


def _rollout(row: Any) -> Rollout:
    return Rollout(
        id=row.id,
        route=row.route,
        terms=msgspec.json.decode(row.terms, type=Terms),
        state=row.state,
        stage=row.stage,
        stage_us=row.stage_us,
        version=row.version,
        begun_us=row.begun_us,
        ended_us=row.ended_us,
    )


_TRANSITION_FIELDS: Sequence[str] = tuple(one for one in Transition.__struct_fields__ if one != "evidence")


def _transition_row(transition: Transition) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(transition, name) for name in _TRANSITION_FIELDS}
    return {**row, "evidence": bytes(transition.evidence).decode()}


def _transition(row: Any) -> Transition:
    evidence = msgspec.Raw(row.evidence.encode())
    return Transition(**{name: getattr(row, name) for name in _TRANSITION_FIELDS}, evidence=evidence)
