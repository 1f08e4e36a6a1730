"""What a running endpoint is made of."""

from __future__ import annotations

import asyncio
import random
import secrets
import ssl
from asyncio import Task
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from freehold.app.opening import audit_of
from freehold.office.scribe import Scribe
from freehold.routing.plans import ProvidersHealth
from freehold.store.lock import ProcessLock

if TYPE_CHECKING:
    from freehold.access.keys import Keys
    from freehold.app.place import Place
    from freehold.app.policies import Surveyed
    from freehold.app.prices import Prices
    from freehold.batches.desk import Desk
    from freehold.config.settings import Settings
    from freehold.config.watch import Watch
    from freehold.engine.engine import Engine
    from freehold.engine.steered.route_steering import RouteSteering
    from freehold.gateway.metrics import Metrics
    from freehold.gateway.server import RunningServer
    from freehold.ledger.opinions import Opinions
    from freehold.ledger.reported import ReportedModels
    from freehold.ledger.writer import Ledger
    from freehold.limits.service import LimitsService
    from freehold.office.server import AdminServer
    from freehold.providers.fetch.fetcher import Fetcher
    from freehold.providers.local.processes import LocalModels
    from freehold.replicas.sharing import Sharing
    from freehold.telemetry.facts import ModelLabels
    from freehold.telemetry.telemetry import Telemetry
    from freehold.workers.member import Member

_AUDIT_SECONDS = 1.0
"""That a server may take over an entry of the audit log: the end of the process may wait for it."""


class Parts:
    """What lives as long as the process, and what a changed configuration swaps. It only holds them.

    Those without a value come to be while the endpoint starts, in the order in which they stand here.
    """

    keys: Keys
    ledger: Ledger
    prices: Prices
    reported: ReportedModels
    labels: ModelLabels
    telemetry: Telemetry
    metrics: Metrics
    limits: LimitsService
    engine: Engine
    desk: Desk
    opinions: Opinions
    server: RunningServer

    def __init__(
        self, settings: Settings, overrides: Mapping[str, object], place: Place | None = None
    ) -> None:
        """`place`: among several workers; None: it is alone."""
        self.place = place
        self.member: Member | None = None
        self.upkeep = ProcessLock(settings.data / "upkeep.lock")
        """Of several workers, one tidies up and works batches off."""
        self.presence = ProcessLock(settings.data / "workers" / f"{secrets.token_hex(8)}.lock")
        """By which others see that this one lives."""
        self.settings = settings
        """Those in force."""
        self.overrides = overrides
        self.problem: str | None = None
        """Why the newest configuration was not taken; None when it was."""
        self.tls = ssl.create_default_context()
        self.files: Fetcher | None = None
        self.health_of_providers = ProvidersHealth(random.random)
        self.sharing: Sharing | None = None
        """What other replicas know; None where there is no server to share it through."""
        self.steering: RouteSteering | None = None
        """What chooses models for calls; None: no route has or had a policy."""
        self.steered = asyncio.Event()
        """Set when there is one."""
        self.configured = asyncio.Event()
        """Set when a changed configuration is in force that policies were not looked at for."""
        self.surveys: Mapping[str, Surveyed] = {}
        """What policies go by, by route."""
        self.local: LocalModels | None = None
        self.admin: AdminServer | None = None
        """The admin API on a port of its own."""
        self.watch: Watch | None = None
        """None among several workers: there it is the supervisor's."""
        self.audit = audit_of(settings, patience=_AUDIT_SECONDS)
        self.scribe = Scribe(self.audit)
        self.served = False
        """Whether it came so far as to take calls."""
        self.ends = AsyncExitStack()
        """What is to be ended, in the order in which it was started."""
        self.ending: list[Task[None] | Task[bool]] = []
        """What is on its way out: local models, telemetry."""
