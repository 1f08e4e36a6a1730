"""Leads a drill on live calls: says which share of a route finds its provider lost, watches what comes of it, stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.rollout.drills.faults import Fault
    from freehold.rollout.drills.live import LiveFolder, Tally

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_BEAT_SECONDS = 0.5
_NOBODY_SECONDS = 8.0
"""After which, if no endpoint has said anything, there is none."""
_FEWEST_TO_STOP = 20
"""Calls on which an early stop may rest."""


class WantedLive(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    lose: str
    route: str
    share: float
    """0 … 1."""
    minutes: float = 5.0
    faults: tuple[str, ...] = ()
    stop_below: float = 0.95
    require: float = 0.999
    least_calls: int = 10
    deadline: float | None = None


class LiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the chosen calls under one fault."""

    fault: str
    title: str
    calls: int
    survived: int
    late: int
    errors: dict[str, int]
    survival: float | None
    """None: there was no call."""
    low: float | None
    p50_s: float | None
    p99_s: float | None


class LiveReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole live drill."""

    id: str
    lost: str
    route: str
    share: float
    conclusion: Literal["survived", "not survived", "not enough evidence"]
    reason: str
    require: float
    stopped_early: bool
    seconds: float
    endpoints: int
    """Processes that took part."""
    calls: int
    survived: int
    survival: float | None
    low: float | None
    left_alone: int
    """Calls that were chosen and could not be taken without harm."""
    rows: tuple[LiveRow, ...]

    @property
    def status(self) -> int:
        """Of a process that ends with it."""
        return {"survived": 0, "not survived": 1, "not enough evidence": 3}[self.conclusion]


class LiveDrilling:
    """A live drill that is about to be led."""

    def __init__(self, settings: Settings, wanted: WantedLive) -> None:
        """Raises NotFound, BadRequest: there is no such provider, route or fault, or it cannot be rehearsed live."""
        from freehold.app.drill_scope import Scope, Wanted

        checked = Scope(
            settings,
            Wanted(
                lose=wanted.lose,
                on=(wanted.route,),
                faults=wanted.faults,
                deadline=wanted.deadline,
                budget=None,
            ),
        )
        (self.route,) = checked.routes
        self.id = checked.id
        self.lost = checked.lost
        self.wanted = wanted
        self.faults = self._faults(checked.faults)
        self.deadline, _ = checked.deadline_of(self.route)
        self._settings = settings
        if not any(target.provider not in self.lost for target in self.route.fallbacks):
            raise BadRequest(
                f"Nobody takes over on `{self.route.name}`: every call of the share would fail.",
                hint="Give the route a fallback, or drill on recorded calls: without `--live`.",
            )

    def _faults(self, named: tuple[Fault, ...]) -> tuple[Fault, ...]:
        if not self.wanted.faults:
            return tuple(fault for fault in named if fault.wordless)
        for fault in named:
            if not fault.wordless:
                raise BadRequest(
                    f"`{fault.name}` is not rehearsed on live calls: a stand-in's words could reach a client.",
                    hint="Drill it on recorded calls: without `--live`.",
                )
        return named

    def lead(self, watch: Callable[[Tally, str], None] = lambda tally, fault: None) -> LiveReport:
        """Lead it to its end, or until it has to be stopped. Raises BadRequest: another one is led, or no endpoint
        follows; StoreError.
        """
        from freehold.rollout.drills.live import LiveFolder, added_up
        from freehold.store.lock import ProcessLock

        folder = LiveFolder(self._settings.data)
        lock = ProcessLock(folder.lock)
        if not lock.take():
            raise BadRequest("Another live drill is being led.", hint="Wait for its end, or end it.")
        began, early = time.monotonic(), False
        try:
            try:
                early = self._beat(folder, began, watch)
            finally:
                folder.end()
            self._wait_for_last(folder)
            tallies = folder.tallies(self.id)
            return self._report(added_up(tallies), len(tallies), time.monotonic() - began, early=early)
        finally:
            folder.forget(self.id)
            lock.release()

    def _beat(self, folder: LiveFolder, began: float, watch: Callable[[Tally, str], None]) -> bool:
        """Renew the lease until it is over; whether it had to be stopped before."""
        from freehold.rollout.drills.live import LEASE_SECONDS, LiveDrill, added_up

        whole = self.wanted.minutes * 60.0
        while (passed := time.monotonic() - began) < whole:
            fault = self.faults[min(len(self.faults) - 1, int(passed / whole * len(self.faults)))]
            folder.tell(
                LiveDrill(
                    id=self.id,
                    route=self.route.name,
                    lost=tuple(sorted(self.lost)),
                    share=self.wanted.share,
                    fault=fault.name,
                    deadline_s=self.deadline,
                    lease_us=int((time.time() + min(LEASE_SECONDS, whole - passed)) * 1e6),
                )
            )
            tallies = folder.tallies(self.id)
            if not tallies and passed > _NOBODY_SECONDS:
                raise BadRequest(
                    "No endpoint takes part.",
                    hint="Start it with the same configuration, `freehold up`, on this machine.",
                )
            tally = added_up(tallies)
            watch(tally, fault.title)
            if _has_to_stop(tally, self.wanted.stop_below):
                return True
            time.sleep(_BEAT_SECONDS)
        return False

    def _wait_for_last(self, folder: LiveFolder) -> None:
        """Calls that were taken and have not ended are part of it."""
        from freehold.rollout.drills.live import added_up

        end = time.monotonic() + self.deadline + 2.0
        time.sleep(2 * _BEAT_SECONDS)
        while time.monotonic() < end and added_up(folder.tallies(self.id)).under_way:
            time.sleep(_BEAT_SECONDS)

    def _report(self, tally: Tally, endpoints: int, seconds: float, *, early: bool) -> LiveReport:
        from freehold.rollout.drills.figures import proportion_low, quantile

        rows = tuple(
            LiveRow(
                fault=fault.name,
                title=fault.title,
                calls=count.calls,
                survived=count.survived,
                late=count.late,
                errors=count.errors,
                survival=count.survived / count.calls if count.calls else None,
                low=proportion_low(count.survived, count.calls) if count.calls else None,
                p50_s=quantile(count.seconds, 0.5),
                p99_s=quantile(count.seconds, 0.99),
            )
            for fault in self.faults
            if (count := tally.faults.get(fault.name)) is not None
        )
        calls, survived = sum(row.calls for row in rows), sum(row.survived for row in rows)
        survival = survived / calls if calls else None
        conclusion: Literal["survived", "not survived", "not enough evidence"]
        if early or (survival is not None and survival < self.wanted.require):
            conclusion = "not survived"
            reason = f"{survived:,} of {calls:,} calls got a complete answer within {self.deadline:g} s."
            if early:
                reason += f" It was stopped, as that is below {self.wanted.stop_below:.1%}."
        elif calls < self.wanted.least_calls:
            conclusion = "not enough evidence"
            reason = f"{calls:,} calls took part, and {self.wanted.least_calls} are needed."
        else:
            conclusion, reason = "survived", ""
        return LiveReport(
            id=self.id,
            lost=self.wanted.lose,
            route=self.route.name,
            share=self.wanted.share,
            conclusion=conclusion,
            reason=reason,
            require=self.wanted.require,
            stopped_early=early,
            seconds=seconds,
            endpoints=endpoints,
            calls=calls,
            survived=survived,
            survival=survival,
            low=proportion_low(survived, calls) if calls else None,
            left_alone=tally.left_alone,
            rows=rows,
        )


def _has_to_stop(tally: Tally, below: float) -> bool:
    calls = sum(count.calls for count in tally.faults.values())
    survived = sum(count.survived for count in tally.faults.values())
    return calls >= _FEWEST_TO_STOP and survived < below * calls
