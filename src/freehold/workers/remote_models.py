"""The local models of the supervisor, for a worker: they are loaded once, whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from freehold.core.errors import UnknownModel
from freehold.providers.local.errors import ModelAbsent, ModelDown
from freehold.providers.local.processes import LocalModels
from freehold.providers.local.supervised import Address
from freehold.workers.crew import Crew
from freehold.workers.line import LineError
from freehold.workers.messages import Sought


class RemoteModels:
    """Finds them. Starting and ending them is the supervisor's."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    async def address_of(self, name: str) -> Address:
        """As LocalModels does. Raises UnknownModel, ModelAbsent or ModelDown."""
        try:
            sought = await self._crew.address_of(name)
        except LineError as error:
            raise ModelDown(name, error.message.rstrip("."), log="local") from None
        if sought.problem == "unknown":
            raise UnknownModel(sought.reason)
        if sought.problem == "absent":
            raise ModelAbsent(name)
        if sought.problem:
            raise ModelDown(name, sought.reason, log=sought.log)
        return sought.url, sought.token


async def seek(models: LocalModels, name: str) -> AsyncIterator[Sought]:
    """The supervisor's answer to a worker that asks for an address."""
    try:
        url, token = await models.address_of(name)
    except UnknownModel as error:
        yield Sought(problem="unknown", reason=str(error))
    except ModelAbsent:
        yield Sought(problem="absent")
    except ModelDown as error:
        yield Sought(problem="down", reason=error.reason, log=error.log)
    else:
        yield Sought(url, token)
