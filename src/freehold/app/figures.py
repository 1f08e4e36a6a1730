"""What the endpoint measures of itself, beside what is counted of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.app.parts import Parts

if TYPE_CHECKING:
    from freehold.gateway.sums import Reading
    from freehold.limits.clerk import ClerkStatus
    from freehold.replicas.sharing import Sharing


def read_figures(parts: Parts) -> Reading:
    """As they are at this moment."""
    status = parts.ledger.status
    return {
        **_limit_figures(parts.limits.status),
        **_replica_figures(parts.sharing, parts.settings.version),
        **parts.telemetry.status.figures(),
        "freehold_calls_active": ("gauge", "Calls in flight.", parts.engine.active),
        "freehold_model_changes": (
            "counter",
            "Answers in which a model called itself otherwise than in the one before.",
            parts.reported.changes,
        ),
        "freehold_ledger_ok": ("gauge", "Whether the ledger is written.", float(status.state == "ok")),
        "freehold_ledger_queued_bytes": ("gauge", "Bytes waiting to be written.", status.queued_bytes),
        "freehold_ledger_spooled": (
            "gauge",
            "Calls that wait on the disk for the database's server.",
            status.spooled + status.inherited,
        ),
        "freehold_ledger_spooled_bytes": ("gauge", "Bytes of those on the disk.", status.spooled_bytes),
        "freehold_ledger_written": ("counter", "Calls written to the ledger.", status.written),
        "freehold_ledger_dropped": ("counter", "Calls that could not be kept.", status.dropped),
        "freehold_ledger_bodies_dropped": (
            "counter",
            "Calls kept without bodies.",
            status.bodies_dropped,
        ),
        "freehold_configuration_ok": (
            "gauge",
            "Whether the newest configuration is the one in force.",
            float(parts.problem is None),
        ),
    }


def _limit_figures(status: ClerkStatus | None) -> Reading:
    if status is None:
        return {}
    return {
        "freehold_limits_ok": (
            "gauge",
            "Whether limits are counted in common; else each process goes by its share.",
            float(status.away is None),
        ),
        "freehold_limits_processes": (
            "gauge",
            "Processes that share the limits, as last seen.",
            status.processes,
        ),
        "freehold_limits_absences": (
            "counter",
            "How often the common counters were out of reach.",
            status.absences,
        ),
        "freehold_limits_reserves": ("counter", "Reservations under limits.", status.reserves),
        "freehold_limits_round_trips": ("counter", "Round trips to the common counters.", status.batches),
    }


def _replica_figures(sharing: Sharing | None, version: str) -> Reading:
    if sharing is None:
        return {}
    status = sharing.status
    others = [one.note.configuration for one in status.others]
    return {
        "freehold_replicas": ("gauge", "Replicas that share a server, this one included.", 1 + len(others)),
        "freehold_replicas_ok": (
            "gauge",
            "Whether other replicas can be asked what they know of providers.",
            float(status.away is None),
        ),
        "freehold_replicas_configured_otherwise": (
            "gauge",
            "Replicas that have another configuration than this one.",
            sum(one != version for one in others),
        ),
    }
