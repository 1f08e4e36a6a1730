"""What the admin API asks of the running endpoint: the rooms below it as they are, and `Office` for the rest."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from freehold.access.admin_keys import AdminKeys
from freehold.access.audit import AuditLog
from freehold.access.keys import Keys
from freehold.catalog.shown import ShownModel
from freehold.compare.archive import Archive
from freehold.compare.judges.checks import Checks
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.moments import Moment
from freehold.ledger.opinions import Opinions
from freehold.ledger.reading import LedgerReader
from freehold.limits.shown import Released, ShownForecast, ShownLimit
from freehold.rollout.acts import Acts
from freehold.rollout.archive import Archive as RolloutArchive
from freehold.rollout.independence.report import Independence
from freehold.rollout.shown import WholeRollout
from freehold.rollout.terms import Terms
from freehold.rollout.wanted import RolloutWanted
from freehold.routing.shown import ShownRoute


class ShownProvider(msgspec.Struct, kw_only=True):
    """A provider as configured. Where its key is from is told, and never the key."""

    provider: str
    kind: Literal["openai-compatible", "local"]
    base_url: str | None
    """Null: the embedded models."""
    key_from: str | None
    """`env:NAME` or `file:PATH`; null: no key is sent."""
    dialects: list[str]
    quota: str
    """Which its calls are counted against."""
    prices: str | None
    models: list[str]
    """Those that are named; others may be called all the same."""


class ShownFinding(msgspec.Struct, kw_only=True):
    """Something about a configuration that its owner should know."""

    level: Literal["error", "warning", "info"]
    message: str
    hint: str | None
    where: str | None
    key: str | None


class Listed(msgspec.Struct, kw_only=True):
    """What a provider answered when it was asked for its models."""

    provider: str
    models: list[str] | None
    """Null: it could not be asked."""


class Checked(msgspec.Struct, kw_only=True):
    """What checking a configuration found."""

    good: bool
    """Whether an endpoint would start with it."""
    findings: list[ShownFinding]
    routes: list[str]
    providers: list[str]
    answers: list[Listed]
    """Of the providers, where they were asked."""


class InForce(msgspec.Struct, kw_only=True):
    """The configuration in force. Of secrets, it says where they are from."""

    file: str | None
    configuration: str
    """What the file's text is called, as `/health/ready` and the audit log say it; empty: there is none."""
    digest: str
    """SHA-256 of `settings`, 64 hexadecimal digits: what is in force, however it is written; in the audit log too."""
    problem: str | None
    """Why the newest edit was not taken."""
    settings: dict[str, Any]


class OpenBreaker(msgspec.Struct, kw_only=True):
    """Something that is left alone for a while."""

    on: Literal["provider", "model", "quota"]
    name: str
    until: Moment


class QuotaState(msgspec.Struct, kw_only=True):
    """What is known of a provider's own limits."""

    quota: str
    headroom: float
    """The share that is left, from 0 to 1."""
    free_at: Moment | None
    """From when requests can be expected to be let in; null: now."""


class LedgerState(msgspec.Struct, kw_only=True):
    """How writing the ledger goes."""

    state: str
    reason: str | None
    written: int
    queued_bytes: int
    dropped: int
    bodies_dropped: int
    spooled: int
    """Calls that wait on the disk."""
    spooled_bytes: int
    incident: str | None


class LimitsState(msgspec.Struct, kw_only=True):
    """How counting limits goes."""

    away: str | None
    """Why this process goes by its share; null: the counters are in reach."""
    processes: int
    absences: int
    reserves: int


class HealthReport(msgspec.Struct, kw_only=True):
    """How the endpoint is doing."""

    ready: bool
    parts: dict[str, str]
    """Part -> its state in a word or a sentence."""
    calls_in_flight: int
    ledger: LedgerState
    limits: LimitsState | None
    """Null: nothing is limited."""
    open_breakers: list[OpenBreaker]
    quotas: list[QuotaState]
    local_models: dict[str, str]


class ShownBatch(msgspec.Struct, kw_only=True):
    """A batch of any key."""

    id: str
    key: str
    form: Literal["openai", "anthropic"]
    endpoint: str
    status: str
    created: Moment
    expires: Moment
    ended: Moment | None
    total: int
    succeeded: int
    errored: int
    cancelled: int
    expired: int
    input_file: str | None
    output_file: str | None
    error_file: str | None


class ShownFile(msgspec.Struct, kw_only=True):
    """A file of any key."""

    id: str
    key: str
    name: str
    purpose: str
    bytes: int
    created: Moment
    expires: Moment | None


class Office(Protocol):
    """Methods that are not `async` wait for databases, and are called in threads. `by`: who asks, for the audit log."""

    @property
    def keys(self) -> Keys:
        """Those of the endpoint."""

    @property
    def admin_keys(self) -> AdminKeys:
        """Those of administrators."""

    @property
    def audit(self) -> AuditLog:
        """Where acts are written down."""

    @property
    def history(self) -> LedgerReader:
        """The calls on record."""

    @property
    def opinions(self) -> Opinions:
        """Where feedback on calls goes."""

    @property
    def shelf(self) -> SuiteShelf:
        """The suites."""

    @property
    def archive(self) -> Archive:
        """What is kept of comparisons."""

    @property
    def rollouts(self) -> RolloutArchive:
        """What is kept of rollouts."""

    @property
    def rollout_acts(self) -> Acts:
        """What is done to them."""

    def rollout_terms(self, wanted: RolloutWanted) -> Terms:
        """The terms of one that is to begin. Raises BadRequest: it cannot."""

    def rollout(self, which: str) -> WholeRollout:
        """How one stands, with all that is known of it. Raises NotFound, BadRequest."""

    @property
    def checks(self) -> Checks:
        """The checks of judges."""

    async def report(self, comparison: str) -> bytes:
        """The page on a comparison, by its id. Raises NotFound, BadRequest, StoreError, Overloaded."""

    async def findings(self, check: str, alpha: float) -> bytes:
        """What a check of a judge found, as JSON; raises the same. Intervals leave out so much."""

    def independence(self, since_us: int, route: str | None) -> Independence:
        """How much of the calls since then would go on if a provider vanished. Raises NotFound, StoreError."""

    def routes(self) -> list[ShownRoute]:
        """In the order of the configuration."""

    def models(self) -> list[ShownModel]:
        """Every model that the configuration names."""

    def price_of(self, model: str) -> ShownModel:
        """Any model of a configured provider, by `provider/name`. Raises NotFound."""

    def providers(self) -> list[ShownProvider]:
        """In the order of the configuration."""

    def limits(self, *, past: bool) -> list[ShownLimit]:
        """How every limit stands. Raises StoreError."""

    def release(self, limit: str, who: str | None, by: str) -> list[Released]:
        """Release what expired. Raises NotFound, StoreError."""

    def forecast(self) -> list[ShownForecast]:
        """What every window in money will have come to. Raises StoreError."""

    def configuration(self) -> InForce:
        """What is in force."""

    def check(self, text: str | None) -> Checked:
        """What a configuration would do: `text`, or what the file holds now."""

    async def check_live(self) -> Checked:
        """As `check` of the configuration in force, and ask its providers for their models."""

    async def reload(self, by: str) -> None:
        """Look at the configuration at once."""

    async def health(self) -> HealthReport:
        """How everything is doing at this moment."""

    def batches(self, limit: int, after: str | None) -> list[ShownBatch]:
        """Of every key, newest first. `after`: only older ones than this."""

    def batch(self, batch: str) -> ShownBatch:
        """One of them. Raises NotFound."""

    async def cancel_batch(self, batch: str, by: str) -> ShownBatch:
        """Begin no further line of it. Raises NotFound, BadRequest when it has ended."""

    def files(self, limit: int, after: str | None) -> list[ShownFile]:
        """Of every key, newest first. `after`: only older ones than this."""

    def file(self, file: str) -> ShownFile:
        """One of them. Raises NotFound."""

    def delete_file(self, file: str, by: str) -> None:
        """Take it away. Raises NotFound."""
