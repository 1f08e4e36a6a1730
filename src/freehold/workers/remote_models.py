"""The local models of the supervisor, for a worker: they are loaded once, whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from freehold.core.errors import FreeholdError, ProviderError, UnknownModel
from freehold.providers.local.errors import ModelAbsent, ModelDamaged, ModelDown, ModelTooLarge, NoRoom
from freehold.providers.local.processes import LocalModels
from freehold.providers.local.supervised import Address
from freehold.workers.crew import Crew
from freehold.workers.line import LineError
from freehold.workers.messages import Sought

_KINDS: dict[str, type[ProviderError]] = {
    kind.code: kind for kind in (ModelAbsent, ModelDamaged, ModelDown, ModelTooLarge)
}


class RemoteModels:
    """Finds them. Starting and ending them is the supervisor's."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    async def address_of(self, id_: str) -> Address:
        """As LocalModels does, and raises the same."""
        try:
            sought = await self._crew.address_of(id_)
        except LineError as error:
            sought = Sought(problem=ModelDown.code, reason=f"`{id_}` does not run: {error.message}")
        if not sought.problem:
            return sought.url, sought.token
        if sought.problem == UnknownModel.code:
            raise UnknownModel(sought.reason, hint=sought.hint)
        if sought.problem == NoRoom.code:
            no_room = NoRoom.__new__(NoRoom)
            FreeholdError.__init__(no_room, sought.reason, hint=sought.hint)
            raise no_room
        kind = _KINDS.get(sought.problem, ModelDown)
        other = kind.__new__(kind)
        ProviderError.__init__(other, sought.reason, provider=id_.partition("/")[0], hint=sought.hint)
        raise other


async def seek(models: LocalModels, id_: str) -> AsyncIterator[Sought]:
    """The supervisor's answer to a worker that asks for an address."""
    try:
        url, token = await models.address_of(id_)
    except FreeholdError as error:
        yield Sought(problem=error.code, reason=error.message, hint=error.hint)
    else:
        yield Sought(url, token)
