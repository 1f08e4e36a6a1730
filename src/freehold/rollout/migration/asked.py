"""The question of a migration, and whether it can be answered at all."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest, NotFound
from freehold.rollout.carrying.landscape import Landscape
from freehold.routing.routes import Route, Target


class Question(msgspec.Struct, frozen=True):
    """Which route goes from whom to what."""

    route: Route
    leaves: str
    """The provider as it was named."""
    house: str
    """Who vanishes with it."""
    target: Target


def question_of(landscape: Landscape, route: str, leaves: str, target: str) -> Question:
    """Raises NotFound: there is no such route or provider; BadRequest: it makes no sense, as the error says."""
    found = landscape.check_route(route)
    landscape.check_provider(leaves)
    house = landscape.house_of(leaves)
    provider, slash, model = target.partition("/")
    if not (slash and provider and model):
        raise BadRequest(
            f"`{target[:100]}` is no model.",
            hint="Write it as `provider/name`; `freehold models` lists those that are named.",
        )
    landscape.check_provider(provider)
    wanted = Target(provider, model)
    settings = landscape.settings_of(provider)
    if settings is not None and settings.kind == "local" and wanted not in landscape.models:
        raise NotFound(
            f"`{target[:100]}` is not one of the models that run here.", hint="`freehold models` lists them."
        )
    if landscape.house_of(provider) == house:
        raise BadRequest(
            f"`{target}` is of the provider that is left: `{leaves}`.",
            hint="Name a model of another provider.",
        )
    operations = landscape.catalog.find(provider, model).profile.operations
    if operations is not None and "chat" not in operations:
        raise BadRequest(f"`{target}` does not chat.", hint="Name a model that answers in words.")
    return Question(found, leaves, house, wanted)
