"""Watches the configuration while the endpoint runs. An edit is validated first; a wrong one changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from freehold.admin.settings import AdminSettings
from freehold.batches.settings import BatchSettings
from freehold.catalog.own import own_places
from freehold.config.problems import Finding, InvalidSettingsError
from freehold.config.sections import SharedSettings
from freehold.config.settings import Settings
from freehold.core.errors import FreeholdError, SettingsError
from freehold.engine.background.settings import BackgroundSettings
from freehold.gateway.settings import ServerSettings
from freehold.ledger.settings import LedgerSettings
from freehold.telemetry.settings import TelemetrySettings

FIXED = (
    "data",
    "database",
    "access.pepper",
    *(f"server.{name}" for name in ServerSettings.__struct_fields__),
    *(f"ledger.{name}" for name in LedgerSettings.__struct_fields__ if name != "bodies"),
    *(f"batches.{name}" for name in BatchSettings.__struct_fields__),
    *(f"background.{name}" for name in BackgroundSettings.__struct_fields__),
    *(f"admin.{name}" for name in AdminSettings.__struct_fields__),
    *(f"shared.{name}" for name in SharedSettings.__struct_fields__),
    *(f"telemetry.{name}" for name in TelemetrySettings.__struct_fields__),
)
"""Settings that stay as they were until the endpoint is started again."""

_Marks = tuple[tuple[int, int, int] | None, ...]
"""What tells a file from its earlier self, for each watched file; None where there is none."""


class Watch:
    """Polls the file, those of its secrets and the own models, and applies what changed. One asyncio task, no threads.

    Editors replace files, delete and create them, and write them in pieces: a change counts when the
    files have been the same for `settle` seconds, and a file that is empty, missing or wrong gets
    `grace` seconds more before it is believed.
    """

    def __init__(
        self,
        path: Path,
        current: Settings,
        *,
        reload: Callable[[], Settings],
        apply: Callable[[Settings], None],
        refuse: Callable[[SettingsError], None],
        restart: Callable[[tuple[Finding, ...]], None],
        fixed: tuple[str, ...] = FIXED,
        interval: float = 1.0,
        settle: float = 0.3,
        grace: float = 2.0,
    ) -> None:
        """`path` need not exist yet. `current` is in use; `reload` reads it anew and may raise SettingsError.

        `apply` takes valid settings and may raise any FreeholdError, which leaves the old ones in use; after
        a refusal it is also called when the edit was only taken back, so that all is known to be well again.
        `refuse` is told why an edit was not taken; `restart`, which `fixed` settings were changed in vain.
        """
        self.current = current
        self._path = path
        self._reload = reload
        self._apply = apply
        self._refuse = refuse
        self._restart = restart
        self._fixed = fixed
        self._interval = interval
        self._settle = settle
        self._grace = grace
        self._poked = asyncio.Event()
        self._refused = False
        self._existed = path.exists()
        self._files = (path, *current.secret_files)

    def poke(self) -> None:
        """Look at once, changed or not: what SIGHUP asks for."""
        self._poked.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._take()  # what was edited between reading and now
        seen = self._marks()
        while True:
            poked = await self._wait()
            if poked or self._marks() != seen:
                seen = await self._take()

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(self._interval):
                await self._poked.wait()
        except TimeoutError:
            return False
        self._poked.clear()
        return True

    async def _take(self) -> _Marks:
        """Read and hand on once the files are at rest. Returns how they looked when they were read."""
        marks = await self._at_rest()
        outcome = self._read()
        while self._doubtful(outcome) and await self._changes_after(marks):
            marks = await self._at_rest()
            outcome = self._read()
        if isinstance(outcome, Settings):
            self._hand_on(outcome)
        else:
            self._say_no(outcome)
        return marks

    async def _at_rest(self) -> _Marks:
        marks = self._marks()
        while True:
            await asyncio.sleep(self._settle)
            later = self._marks()
            if later == marks:
                return marks
            marks = later

    async def _changes_after(self, marks: _Marks) -> bool:
        """Whether something changes within the time of grace."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace
        while loop.time() < end:
            await asyncio.sleep(self._settle)
            if self._marks() != marks:
                return True
        return False

    def _read(self) -> Settings | SettingsError:
        if self._existed and not self._path.exists():
            return SettingsError(
                f"`{self._path}` is gone.",
                hint="Put it back, or restart to run without it.",
                where=str(self._path),
            )
        try:
            wanted = self._reload()
        except SettingsError as error:
            if isinstance(error, InvalidSettingsError):
                self._files = (self._path, *error.secret_files)
            return error
        self._existed = self._path.exists()
        self._files = (self._path, *wanted.secret_files)
        return wanted

    def _doubtful(self, outcome: Settings | SettingsError) -> bool:
        """Whether it looks like a file that is still being written."""
        if isinstance(outcome, SettingsError):
            return True
        return outcome != self.current and _size_of(self._path) == 0

    def _hand_on(self, wanted: Settings) -> None:
        settings, in_vain = keep_fixed(self.current, wanted, self._fixed)
        if in_vain:
            self._restart(in_vain)
        if settings == self.current and not self._refused:
            return
        try:
            self._apply(settings)
        except FreeholdError as error:
            said = f"The new settings could not be used: {error.message}"
            self._say_no(SettingsError(said, hint=error.hint, where=str(self._path)))
            return
        self.current = settings
        self._refused = False

    def _say_no(self, error: SettingsError) -> None:
        self._refused = True
        self._refuse(error)

    def _marks(self) -> _Marks:
        return tuple(_mark(file) for file in (*self._files, *own_places(self.current.data)))


def keep_fixed(
    current: Settings, wanted: Settings, fixed: tuple[str, ...]
) -> tuple[Settings, tuple[Finding, ...]]:
    """`wanted`, but with the `fixed` settings of `current`; and a warning for each that differs.

    While anything waits for a restart, what is in force is not called what `wanted` is.
    """
    in_vain = []
    for name in fixed:
        table, _, setting = name.rpartition(".")
        old, new = (getattr(one, table) if table else one for one in (current, wanted))
        before, after = getattr(old, setting), getattr(new, setting)
        if before == after:
            continue
        in_vain.append(
            Finding(
                "warning",
                f"`{name}` stays `{before}`: it cannot change to `{after}` while the endpoint runs.",
                "Restart Freehold.",
                where=str(wanted.path) if wanted.path else None,
                key=name,
            )
        )
        kept = msgspec.structs.replace(new, **{setting: before})
        wanted = msgspec.structs.replace(wanted, **{table: kept}) if table else kept
    if in_vain:
        wanted = msgspec.structs.replace(wanted, version=current.version)
    return wanted, tuple(in_vain)


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _size_of(file: Path) -> int | None:
    mark = _mark(file)
    return mark[1] if mark else None
