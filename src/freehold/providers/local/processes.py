"""The workers of all local models, as the endpoint sees them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from freehold.core.errors import UnknownModel
from freehold.core.suggest import did_you_mean, one_of
from freehold.providers.local.errors import ModelAbsent, ModelDamaged
from freehold.providers.local.models import MODELS, LocalModel
from freehold.providers.local.place import Place
from freehold.providers.local.room import Room
from freehold.providers.local.supervised import Address, State


class LocalModels:
    """Loads a model when it is first asked for, or earlier if told to, lets go of those that nobody asks for, and ends
    them all.
    """

    def __init__(
        self,
        data: Path,
        *,
        models: Mapping[str, LocalModel] = MODELS,
        environ: Mapping[str, str] = os.environ,
        memory: int | None = None,
        idle: float | None = None,
    ) -> None:
        """`data` is the data folder; workers' logs go to `local/` in it. Together they may take `memory` bytes; None:
        what is usual on this machine. One that nobody asks for within `idle` seconds is let go of; None: never. Needs a
        running event loop.
        """
        self._folder = data / "local"
        self._environ = environ
        self._room = Room()
        self._places: dict[str, Place] = {}
        self.take_over(models, memory=memory, idle=idle)

    def take_over(self, models: Mapping[str, LocalModel], *, memory: int | None, idle: float | None) -> None:
        """Serve these from now on, within these bounds. Those that are not among them, or are different ones now,
        finish their answers and end. Returns at once.
        """
        self._room.bound(memory, idle)
        for id_ in [*self._places]:
            if models.get(id_) != self._places[id_].model:
                self._room.take_away(self._places.pop(id_))
        for id_, model in models.items():
            if id_ not in self._places:
                self._places[id_] = Place(model, self._folder, self._environ, self._room.look)
        self._places = {id_: self._places[id_] for id_ in models}
        self._room.places = self._places

    def start_all(self) -> None:
        """Begin to load every model that is to be there from the start, as far as there is room. Returns at once."""
        for place in self._places.values():
            if place.model.at_start and place.path is not None and not place.worker.loaded:
                with contextlib.suppress(ModelAbsent, ModelDamaged):  # whoever asks for it is told
                    if self._room.has_room_for(place):
                        place.worker.start()

    async def address_of(self, id_: str) -> Address:
        """Base URL and bearer token of a model, as soon as it is ready.

        Raises UnknownModel, ModelAbsent, ModelDown, ModelTooLarge or NoRoom.
        """
        place = self._places.get(id_)
        if place is None:
            hint = did_you_mean(id_, self._places) or f"There are {one_of(self._places)}."
            raise UnknownModel(f"There is no model `{id_}` on this machine.", hint=hint)
        return await self._room.address_in(place)

    def states(self) -> dict[str, State]:
        """How each model is, by id."""
        return {id_: place.state for id_, place in self._places.items()}

    def reasons(self) -> dict[str, str]:
        """Why the models that are not ready are not, where that is known."""
        found = {}
        for id_, place in self._places.items():
            if place.reason is not None:
                found[id_] = place.reason
        return found

    def processes(self) -> dict[str, int]:
        """Process ids of the workers that run, by id of the model."""
        return {id_: pid for id_, place in self._places.items() if (pid := place.worker.pid) is not None}

    async def stop(self) -> None:
        """End all workers and wait until they are gone."""
        await self._room.clear()
