"""What the office shows, in the forms of the admin API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from freehold.admin.office import (
    Checked,
    LedgerState,
    LimitsState,
    Listed,
    OpenBreaker,
    QuotaState,
    ShownBatch,
    ShownFile,
    ShownFinding,
)
from freehold.batches.records import Batch, StoredFile
from freehold.config.check import Report
from freehold.config.live import Answer
from freehold.config.problems import Finding
from freehold.core.clock import microseconds
from freehold.core.moments import iso
from freehold.ledger.writer import LedgerStatus
from freehold.limits.clerk import ClerkStatus
from freehold.routing.plans import ProvidersHealth

_SOON = 0.001


def checked(report: Report, answers: Sequence[Answer] = ()) -> Checked:
    """What a check found."""
    told = [*report.findings, *(finding for answer in answers for finding in answer.findings)]
    return Checked(
        good=not any(one.level == "error" for one in told),
        findings=[_finding(one) for one in told],
        routes=[one.name for one in report.routes],
        providers=[one.name for one in report.providers],
        answers=[
            Listed(provider=one.provider, models=None if one.models is None else list(one.models))
            for one in answers
        ],
    )


def _finding(one: Finding) -> ShownFinding:
    return ShownFinding(level=one.level, message=one.message, hint=one.hint, where=one.where, key=one.key)


def ledger_state(status: LedgerStatus) -> LedgerState:
    """How writing goes."""
    return LedgerState(
        state=status.state,
        reason=status.reason,
        written=status.written,
        queued_bytes=status.queued_bytes,
        dropped=status.dropped,
        bodies_dropped=status.bodies_dropped,
        spooled=status.spooled + status.inherited,
        spooled_bytes=status.spooled_bytes,
        incident=status.incident,
    )


def limits_state(status: ClerkStatus | None) -> LimitsState | None:
    """How counting goes; None when nothing is limited."""
    if status is None:
        return None
    return LimitsState(
        away=status.away, processes=status.processes, absences=status.absences, reserves=status.reserves
    )


def open_breakers(health: ProvidersHealth, now: float, tick: float) -> list[OpenBreaker]:
    """What is left alone. `tick` is the time that breakers go by, `now` the same moment of the day."""
    return [
        OpenBreaker(
            on=cast('Literal["provider", "model", "quota"]', spot[0]),
            name="/".join(spot[1:]),
            until=_moment(now + until - tick),
        )
        for spot, until in sorted(health.breakers.open_spots(tick).items())
    ]


def quota_state(health: ProvidersHealth, name: str, now: float, tick: float) -> QuotaState:
    """What is left of a provider's own limit."""
    free_at = health.quotas.free_at(name, tick)
    return QuotaState(
        quota=name,
        headroom=round(health.quotas.headroom(name, tick), 4),
        free_at=_moment(now + free_at - tick) if free_at > tick + _SOON else None,
    )


def batch(one: Batch) -> ShownBatch:
    """A batch."""
    return ShownBatch(
        id=one.id,
        key=one.key_id,
        form=one.form,
        endpoint=one.endpoint,
        status=one.status,
        created=iso(one.created_us),
        expires=iso(one.expires_us),
        ended=iso(one.ended_us),
        total=one.total,
        succeeded=one.succeeded,
        errored=one.errored,
        cancelled=one.cancelled,
        expired=one.expired,
        input_file=one.input_file_id,
        output_file=one.output_file_id,
        error_file=one.error_file_id,
    )


def file(one: StoredFile) -> ShownFile:
    """A file."""
    return ShownFile(
        id=one.id,
        key=one.key_id,
        name=one.name,
        purpose=one.purpose,
        bytes=one.size,
        created=iso(one.created_us),
        expires=iso(one.expires_us),
    )


def _moment(seconds: float) -> str:
    return iso(microseconds(seconds))
