"""The router that a route goes by: found, read, watched, and told where it is not to be relied on."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from freehold.core.errors import BadRequest, StoreError

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.rollout.routers.shelf import RouterShelf, Shelved
    from freehold.rollout.routers.watching import Watched
    from freehold.routing.learned.router import Router
    from freehold.routing.policies.learned import Learned

# ruff: noqa: PLC0415 - no route without a router imports any of it

log = logging.getLogger("freehold")

_LOCK = "watch.lock"
_TROUBLE = "what was seen of it cannot be read"


def routers_of(settings: Settings) -> RouterShelf:
    """Where the routers are. Raises BadRequest: NumPy is not installed."""
    check_packages("numpy")
    from freehold.rollout.routers.shelf import RouterShelf

    return RouterShelf(settings.data)


def learned_policy(settings: Settings, route: str) -> Learned | None:
    """The policy of the newest router of a route, as it stands; None: there is none. What cannot be read is told, and
    the incumbent answers.
    """
    from freehold.rollout.routers.following import read_watched
    from freehold.routing.policies.learned import Learned

    try:
        shelved = next(iter(routers_of(settings).all(route)), None)
        if shelved is None:
            return None
        router = _load(settings, shelved)
    except (StoreError, BadRequest) as error:
        log.warning("The route `%s` goes without its router: %s", route, error)
        return None
    try:
        alarm = alarm_of(read_watched(shelved))
    except StoreError as error:
        log.warning("The router of `%s` is not relied on: %s", route, error)
        alarm = _TROUBLE
    return Learned(router, alarm=alarm)


def watch_routers(settings: Settings) -> None:
    """Take in what became of the routers' decisions, unless another process does; and read new ones. Waits."""
    from freehold.app.opening import history_of
    from freehold.core.clock import SystemClock, microseconds
    from freehold.rollout.routers.following import follow
    from freehold.rollout.routers.shelf import FOLDER
    from freehold.store.lock import ProcessLock

    routes = [name for name, policy in settings.policies.items() if policy.kind == "learned"]
    if not routes or not (settings.data / FOLDER).is_dir():
        return
    lock = ProcessLock(settings.data / FOLDER / _LOCK)
    leads = lock.take()
    try:
        for route in routes:
            try:
                shelved = next(iter(routers_of(settings).all(route)), None)
                if shelved is None:
                    continue
                _load(settings, shelved)
                if leads:
                    follow(shelved, history_of(settings), microseconds(SystemClock().now()))
            except (StoreError, BadRequest) as error:
                log.warning("The router of `%s` cannot be watched: %s", route, error)
    finally:
        lock.release()


def alarm_of(watched: Watched) -> str | None:
    """Why a router is not relied on; None: it is."""
    return None if watched.alarm_us is None else f"after {watched.alarm_pairs} pairs"


def check_packages(*names: str) -> None:
    """Raises BadRequest: one of these packages is not installed."""
    from importlib.util import find_spec

    from freehold.core.extras import how_to_install

    if any(find_spec(name) is None for name in names):
        raise BadRequest(
            "Routers need NumPy, and SciPy to be made, which are not installed.",
            hint=how_to_install("compare"),
        )


def _load(settings: Settings, shelved: Shelved) -> Router:
    return _loaded(routers_of(settings), shelved)


@lru_cache(maxsize=16)
def _loaded(shelf: RouterShelf, shelved: Shelved) -> Router:
    return shelf.load(shelved)
