"""Routes: the names applications call, and which models stand behind them."""

from __future__ import annotations

import msgspec

from freehold.core.errors import UnknownModel

MAX_NAME = 200
"""Characters of a name that is called, unless a route has a longer one."""


class Target(msgspec.Struct, frozen=True, gc=False):
    """One model as a plan names it."""

    provider: str
    """Name of the provider in the configuration."""
    model: str
    """The provider's own name for the model."""

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


class Route(msgspec.Struct, frozen=True, gc=False):
    """A name that applications call. The incumbent answers; fallbacks take over in their order."""

    name: str
    incumbent: Target
    fallbacks: tuple[Target, ...] = ()
    keep_bodies: bool = True
    deadline: float | None = None
    """Seconds within which the answer is to be complete; None: as long as the provider's own time limits allow."""
    retries: int = 0
    """How often a model is asked again that could not be asked, or said that it cannot answer now."""
    hedge_after: float | None = None
    """Seconds without a first word after which the next model is asked as well; None: never."""
    continue_streams: bool = False
    """Whether another model goes on where a stream broke off."""
    on_trial: Target | None = None
    """The model that a rollout has chosen. What its provider refuses it says nothing about others of the account."""

    @property
    def plan(self) -> tuple[Target, ...]:
        """Every model to try, in order."""
        return (self.incumbent, *self.fallbacks)


class RouteTable:
    """All routes, and every model that may be called by its own name `provider/model`."""

    def __init__(self, routes: dict[str, Route], open_providers: frozenset[str] = frozenset()) -> None:
        """`open_providers`: any model of theirs may be called directly, listed or not."""
        self.routes = dict(routes)
        self._open_providers = open_providers
        self._direct: dict[str, Route] = {}

    def find(self, name: str) -> Route:
        """The route called `name`, or one made for a model called directly.

        Raises UnknownModel, whose hint names the nearest routes.
        """
        route = self.routes.get(name) or self._direct.get(name)
        if route is not None:
            return route
        if len(name) > MAX_NAME:  # neither kept nor compared with the others, which would take seconds
            raise UnknownModel(f"No route or model is called `{name[:MAX_NAME]}…`.", param="model")
        provider, slash, model = name.partition("/")
        if slash and model and provider in self._open_providers:
            route = Route(name, Target(provider, model))
            if len(self._direct) < 1000:
                self._direct[name] = route
            return route
        import difflib  # noqa: PLC0415 - only the unlucky pay for it

        near = difflib.get_close_matches(name, self.routes, n=3, cutoff=0.5) or sorted(self.routes)[:3]
        quoted = ", ".join(f"`{one}`" for one in near)
        raise UnknownModel(
            f"No route or model is called `{name}`.",
            hint=f"Did you mean {quoted}?" if near else None,
            param="model",
        )
