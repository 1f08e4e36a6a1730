"""One local model's place among the others: its file, as it is now, and the worker that has it loaded, or will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from freehold.providers.local.errors import ModelAbsent, ModelDamaged
from freehold.providers.local.gguf import Malformed
from freehold.providers.local.memory import need_of
from freehold.providers.local.models import LocalModel, weights_of
from freehold.providers.local.supervised import State, Worker, log_of

_Mark = tuple[int, int, int]


class Place:
    """See the module. Times are the event loop's."""

    def __init__(
        self, model: LocalModel, folder: Path, environ: Mapping[str, str], tell: Callable[[], None]
    ) -> None:
        """`folder` is where the workers' logs go; `tell` is called when something changes."""
        self.model = model
        self.log = log_of(model, folder)
        """Where its workers' words go."""
        self.asked = 0.0
        """When its address was last given to somebody, who may take a moment to go there."""
        self.held = 0
        """Bytes that its worker takes while it has a process, about."""
        self._folder = folder
        self._environ = environ
        self._tell = tell
        self._carried = weights_of(model)
        self._mark: _Mark | None = None
        """Of the file when it was last looked at; None: it was not."""
        self._damage: str | None = None
        self.worker = self._new_worker()

    @property
    def path(self) -> Path | None:
        """Where its weights are; None: they, or what runs them, are not there."""
        if isinstance(self.model.weights, str) and not self.worker.loaded:
            self._carried = weights_of(self.model)
        return self._carried

    @property
    def state(self) -> State:
        """How it is."""
        if self._damage is not None and not self.worker.loaded:
            return "failed"
        return "absent" if self.path is None else self.worker.state

    @property
    def reason(self) -> str | None:
        """Why it is not ready, where that is known."""
        if self.state == "absent":
            return self.absence().message
        return self.worker.reason if self._damage is None else f"its file {self._damage}"

    @property
    def quiet_since(self) -> float | None:
        """Since when nobody wants anything of it; None: somebody does, or it is not loaded yet."""
        if not self.worker.loaded or self.worker.answering or self.worker.state not in ("ready", "failed"):
            return None
        return max(self.asked, self.worker.quiet_since)

    def absence(self) -> ModelAbsent:
        """The error that says that it is not there."""
        return ModelAbsent(
            self.model.id, file=self.model.weights if isinstance(self.model.weights, str) else None
        )

    def has_changed(self) -> bool:
        """Whether its file is another one than when it was last looked at. One that is gone has not changed."""
        mark = _mark_of(self._carried)
        return mark is not None and self._mark is not None and mark != self._mark

    def look_at_file(self) -> None:
        """Find out what it will take. Raises ModelAbsent and ModelDamaged."""
        path = self.path
        mark = _mark_of(path)
        if path is None or mark is None:
            raise self.absence()
        self._mark = mark
        try:
            self.held = need_of(self.model, path)
        except (OSError, Malformed) as error:
            self._damage = str(error)
            raise ModelDamaged(self.model.id, str(path), str(error)) from None
        self._damage = None
        self.worker = self.worker if self.worker.weights == path else self._new_worker()

    def change_worker(self) -> Worker:
        """The worker, which is nobody's from now on; another one stands ready in its place."""
        worker, self.worker = self.worker, self._new_worker()
        return worker

    def _new_worker(self) -> Worker:
        path = self._carried or Path()
        return Worker(self.model, path, self._folder, self._environ, tell=self._tell)


def _mark_of(path: Path | None) -> _Mark | None:
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)


def now() -> float:
    """The running event loop's time."""
    return asyncio.get_running_loop().time()
