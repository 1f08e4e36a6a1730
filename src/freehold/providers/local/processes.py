"""The workers of all local models, as the endpoint sees them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from freehold.catalog.embedded import LOCAL
from freehold.core.errors import UnknownModel
from freehold.providers.local.errors import ModelAbsent
from freehold.providers.local.models import MODELS, LocalModel, weights_of
from freehold.providers.local.supervised import Address, State, Worker


class LocalModels:
    """Starts the worker of a model on first use, or earlier if told to, and ends them all."""

    def __init__(
        self,
        data: Path,
        *,
        models: Mapping[str, LocalModel] = MODELS,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`data` is the data folder; workers' logs go to `local/` in it. Needs a running event loop."""
        self._workers: dict[str, Worker | None] = {}
        for name, model in models.items():
            weights = weights_of(model)
            self._workers[name] = Worker(model, weights, data / "local", environ) if weights else None

    def start_all(self) -> None:
        """Begin to load every model that is installed. Returns at once."""
        for worker in self._workers.values():
            if worker is not None:
                worker.start()

    def start(self, name: str) -> None:
        """Begin to load one model. Returns at once. Raises UnknownModel or ModelAbsent."""
        self._worker(name).start()

    async def address_of(self, name: str) -> Address:
        """Base URL and bearer token of a model, as soon as it is ready.

        Raises UnknownModel, ModelAbsent or ModelDown.
        """
        return await self._worker(name).address()

    def _worker(self, name: str) -> Worker:
        try:
            worker = self._workers[name]
        except KeyError:
            known = ", ".join(f"`{LOCAL}/{one}`" for one in self._workers)
            raise UnknownModel(f"There is no model `{LOCAL}/{name}`.", hint=f"There are {known}.") from None
        if worker is None:
            raise ModelAbsent(name)
        return worker

    def states(self) -> dict[str, State]:
        """How each model is, by name."""
        return {name: "absent" if worker is None else worker.state for name, worker in self._workers.items()}

    def reasons(self) -> dict[str, str]:
        """Why the models that are not ready are not, where that is known."""
        found = {}
        for name, worker in self._workers.items():
            reason = ModelAbsent(name).message if worker is None else worker.reason
            if reason is not None:
                found[name] = reason
        return found

    def processes(self) -> dict[str, int]:
        """Process ids of the workers that run, by name of the model."""
        return {
            name: pid for name, worker in self._workers.items() if worker and (pid := worker.pid) is not None
        }

    async def stop(self) -> None:
        """End all workers and wait until they are gone."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values() if worker))
