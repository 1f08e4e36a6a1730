"""How the endpoint is, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.app.parts import Parts
from freehold.gateway.pages import Health

if TYPE_CHECKING:
    from freehold.ledger.writer import LedgerStatus


def health_of(parts: Parts) -> Health:
    """Whether it may be sent calls, and what to say of each part."""
    status = parts.ledger.status
    said = {
        "configuration": "ok" if parts.problem is None else f"an edit was not taken: {parts.problem}",
        "keys": "ok" if parts.keys.problem is None else f"cannot be read anew: {parts.keys.problem.message}",
        "ledger": _in_words(status),
    }
    if parts.telemetry.sends:
        said["telemetry"] = parts.telemetry.status.in_words
    limits = parts.limits.status
    if limits is not None:
        said["limits"] = (
            "ok"
            if limits.away is None
            else f"by this process's share, 1/{limits.processes} of what remained: {limits.away}"
        )
    if parts.sharing is not None:
        said["replicas"] = parts.sharing.status.in_words(parts.settings.version)
    ready = not parts.server.stopping
    if parts.local is not None:
        routed = {target.name for route in parts.settings.routes.values() for target in route.plan}
        for name, state in parts.local.states().items():
            said[name] = state
            ready = ready and (state != "starting" or name not in routed)
    return Health(ready, said, parts.settings.version)


def _in_words(status: LedgerStatus) -> str:
    """The state first, and then whatever is known to be missing since the start."""
    said = [status.state if status.reason is None else f"{status.state}: {status.reason}"]
    if status.spooled or status.inherited:
        said.append(f"{status.spooled + status.inherited} calls wait on the disk")
    if status.spool_problem:
        said.append(f"no more calls can be put on the disk: {status.spool_problem}")
    if status.dropped:
        said.append(f"{status.dropped} calls dropped")
    if status.bodies_dropped:
        said.append(f"{status.bodies_dropped} calls kept without their bodies")
    if status.incident:
        said.append(status.incident)
    return "; ".join(said)
