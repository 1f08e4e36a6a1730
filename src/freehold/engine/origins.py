"""Whose reasoning state a request holds: who may have it as it is, and who is asked first because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from freehold.core.parts import State
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings
from freehold.routing.routes import Target
from freehold.wire.dialect import Recipient
from freehold.wire.dialects import dialect_of
from freehold.wire.request import Request
from freehold.wire.sealing import is_for


def opened_for(request: Request, settings: ProviderSettings, model: str) -> Request | None:
    """The request as a provider of its dialect reads it, with the state as it was made; None when some is another's."""
    if not request.holds_state:
        return request
    recipient = Recipient(model=model, origin=settings.origin)
    of_model = dialect_of(request.dialect).state.of_model

    def is_own(state: State) -> bool:
        # What had to be carried beside its part has a place of its own that only its dialect knows.
        return not state.on_previous and is_for(state, recipient, same_dialect=True, of_model=of_model)

    return request.opened(is_own)


def maker_of(request: Request, providers: Mapping[str, ProviderClient]) -> Callable[[Target], bool] | None:
    """Tells of a target whether it made the reasoning state that the request ends with; None when it holds none."""
    state = request.last_state()
    if state is None:
        return None

    def made_it(target: Target) -> bool:
        return target.model == state.model and providers[target.provider].settings.origin == state.origin

    return made_it
