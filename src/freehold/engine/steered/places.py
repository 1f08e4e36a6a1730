"""Which of a route's models a provider's account and model are, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.core.parts import State
from freehold.engine.runtime import Runtime
from freehold.routing.routes import Target


def members_of(target: Target, runtime: Runtime) -> Iterator[str]:
    """The providers that a target stands for: its own, or those of its pool."""
    yield from runtime.accounts.pools.get(target.provider, (target.provider,))


def target_in(targets: Iterable[Target], provider: str, model: str, runtime: Runtime) -> Target:
    """The target that `model` of `provider` was asked as."""
    for target in targets:
        if target.model == model and provider in members_of(target, runtime):
            return target
    return Target(provider, model)


def maker_in(targets: Iterable[Target], state: State, runtime: Runtime) -> Target | None:
    """The target that made a state; None when it is none of these."""
    for target in targets:
        if target.model == state.model:
            for name in members_of(target, runtime):
                client = runtime.providers.get(name)
                if client is not None and client.settings.origin == state.origin:
                    return target
    return None


def parsed(name: str) -> Target:
    """The target of a `provider/model`."""
    provider, _, model = name.partition("/")
    return Target(provider, model)
