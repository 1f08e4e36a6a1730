"""Rollouts at work: what every process follows, and what one of them leads."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.app.opening import history_of, rollouts_of
from freehold.app.parts import Parts
from freehold.app.shadowing import Shadowing
from freehold.app.steering import steering_of
from freehold.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from freehold.config.settings import Settings
    from freehold.core.clock import Clock
    from freehold.rollout.archive import Archive
    from freehold.rollout.leading import Leader
    from freehold.rollout.shadow.order import ShadowOrder
    from freehold.rollout.terms import Rollout, Transition

# ruff: noqa: PLC0415 - an endpoint on which no rollout was ever started imports none of it

log = logging.getLogger("freehold.rollout")

_FOLLOW_SECONDS = 0.5
_LOOK_FOR_SECONDS = 5.0
"""Between two looks whether a server has the tables by now."""
_PATIENCE = 5.0
_TELL_SECONDS = 60.0


class Rollouts:
    """Belongs to the event loop's thread; what waits for the database is done in others."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self._parts, self._clock = parts, clock
        self._place = parts.settings.database or parts.settings.data / "rollout.db"
        self.database = rollouts_of(parts.settings, patience=_PATIENCE)
        self.shadowing = Shadowing(parts, self.database, clock)
        self._archive: Archive | None = None
        self._leader: Leader | None = None
        self._versions: dict[str, int] | None = None
        """Of what is followed; None: nothing was read yet."""
        self._settings: Settings | None = None
        """With which it is followed."""
        self._followed: dict[str, Rollout] = {}
        """By id."""
        self._not_before = self._told_at = float("-inf")
        self._listens = False
        self._following = asyncio.Lock()

    async def begin(self) -> None:
        """Follow what stands, before the first call is taken."""
        self._loop = asyncio.get_running_loop()
        await self._follow()

    async def follow(self) -> None:
        """Take over, within a second, what was changed, by whomever."""
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            await self._follow()

    async def lead(self) -> None:
        """Look at what the gates know, if no other process does."""
        while True:
            await asyncio.sleep(self._parts.settings.rollout.interval)
            if self._versions:
                await self._lead()
                await self._follow()

    async def close(self) -> None:
        """Let another process lead, and let go of the database."""
        if self._leader is not None:
            try:
                await asyncio.to_thread(self._leader.retire)
            except StoreError as error:
                log.warning("another process can lead the rollouts only after a while: %s", error)
        self.database.close()

    async def _follow(self) -> None:
        async with self._following:  # else what was read first could be taken over last
            await self._follow_now()

    async def _follow_now(self) -> None:
        if not await self._is_there():
            return
        try:
            archive = self._opened()
            versions = await asyncio.to_thread(archive.versions)
            if versions == self._versions and self._settings is self._parts.settings:
                return
            standing = await asyncio.to_thread(archive.standing) if versions else []
        except StoreError as error:
            self._tell("how rollouts stand could not be read; calls go as they did: %s", error)
            return
        self._take_over(standing)

    async def _is_there(self) -> bool:
        """Whether a rollout was ever started. Costs next to nothing as long as none was."""
        if self._archive is not None:
            return True
        if isinstance(self._place, Path):
            return self._place.exists()
        now = self._clock.tick()
        if now < self._not_before:
            return False
        self._not_before = now + _LOOK_FOR_SECONDS
        try:
            return await asyncio.to_thread(lambda: self.database.exists)
        except StoreError as error:
            self._tell("whether there are rollouts could not be read: %s", error)
            return False

    def _opened(self) -> Archive:
        if self._archive is None:
            from freehold.rollout.archive import Archive

            self._archive = Archive(self.database)
        return self._archive

    def _take_over(self, standing: list[Rollout]) -> None:
        """Let calls that begin from now on go as these rollouts say."""
        from freehold.rollout.policy import policy_of

        parts = self._parts
        settings = parts.settings
        before, first = self._followed, self._versions is None
        self._versions = {one.id: one.version for one in standing}
        self._settings = settings
        self._followed = {one.id: one for one in standing if _is_on(one, settings)}
        if self._followed or before:
            steering = steering_of(parts)
            if not self._listens:
                steering.listeners.append(self.shadowing.observe)
                self._listens = True
            policies = {one.route: policy_of(one) for one in self._followed.values()}
            steering.set_policies(policies, layer="rollouts")
            if not first:
                for route, model in _free(before, self._followed):
                    steering.release(route, model)
        self.shadowing.follow(_orders(self._followed.values()))

    async def _lead(self) -> None:
        settings = self._parts.settings
        incumbents = {name: route.incumbent.name for name, route in settings.routes.items()}
        try:
            await asyncio.to_thread(self._look, incumbents, settings.rollout.interval)
        except StoreError as error:
            self._tell("rollouts could not be looked at: %s", error)

    def _look(self, incumbents: Mapping[str, str], interval: float) -> None:
        """In a thread: NumPy alone takes a tenth of a second to import."""
        if self._leader is None:
            from freehold.rollout.leading import Leader

            holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
            history = history_of(self._parts.settings)
            loop = self._loop

            def tell(after: Rollout, transition: Transition) -> None:
                loop.call_soon_threadsafe(self._note, after, transition)

            self._leader = Leader(self._opened(), history, holder=holder, clock=self._clock, tell=tell)
        self._leader.look(incumbents, interval)

    def _note(self, after: Rollout, transition: Transition) -> None:
        act = f"rollout.{transition.act.replace(' ', '_')}"
        detail = {"route": after.route, "stage": after.at.name, "version": after.version}
        self._parts.scribe.note(transition.by, act, after.id, {**detail, "why": transition.reason})
        log.warning("rollout `%s` of `%s`: %s. %s", after.id, after.route, transition.act, transition.reason)

    def _tell(self, text: str, error: StoreError) -> None:
        now = self._clock.tick()
        if now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            log.warning(text, error)


def make_rollouts(parts: Parts, clock: Clock) -> Rollouts:
    """What follows and leads rollouts in this process."""
    rollouts = Rollouts(parts, clock)
    parts.ends.push_async_callback(rollouts.close)
    parts.ends.push_async_callback(rollouts.shadowing.close)
    return rollouts


def chores_of_rollouts(rollouts: Rollouts) -> dict[str, Callable[[], Awaitable[None]]]:
    """What has to be done beside the calls."""
    return {
        "following rollouts": rollouts.follow,
        "leading rollouts": rollouts.lead,
        "counting what is not copied": rollouts.shadowing.run,
    }


def _is_on(rollout: Rollout, settings: Settings) -> bool:
    """Whether the route still is what the rollout was started on. Where it is not, the leader ends it."""
    route, terms = settings.routes.get(rollout.route), rollout.terms
    return (
        route is not None
        and route.incumbent == terms.incumbent
        and (terms.candidate.provider in settings.providers or terms.candidate.provider in settings.pools)
    )


def _free(before: Mapping[str, Rollout], now: Mapping[str, Rollout]) -> list[tuple[str, str]]:
    """Models that conversations need not stay with any more, by route: the candidate of a rollout that is over, and the
    incumbent at cutover.
    """
    free = [(one.route, one.terms.candidate.name) for key, one in before.items() if key not in now]
    for key, one in now.items():
        if one.share >= 1.0 and (key not in before or before[key].share < 1.0):
            free.append((one.route, one.terms.incumbent.name))
    return free


def _orders(rollouts: Iterable[Rollout]) -> dict[str, ShadowOrder]:
    """What is to be copied, by rollout."""
    found: dict[str, ShadowOrder] = {}
    for one in rollouts:
        if one.state in ("running", "paused") and one.at.kind == "shadow":
            from freehold.rollout.shadow.order import ShadowOrder

            terms = one.terms
            found[one.id] = ShadowOrder(
                rollout=one.id,
                route=one.route,
                stage=one.stage,
                candidate=terms.candidate,
                calls=one.at.copies,
                budget_pico=terms.budget_pico,
                judge=terms.judge,
                paused=one.state == "paused",
            )
    return found
