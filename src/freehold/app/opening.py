"""What the settings name, opened: keys, ledger, audit log, counters of limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.access.admin_keys import AdminKeys
    from freehold.access.audit import AuditLog
    from freehold.access.keys import Keys
    from freehold.compare.database import Database
    from freehold.config.settings import Settings
    from freehold.core.clock import Clock
    from freehold.ledger.exporting import Export
    from freehold.ledger.filters import Filter
    from freehold.ledger.reading import LedgerReader
    from freehold.limits.batch import Books
    from freehold.rollout.database import Database as RolloutDatabase

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs


def settings_from(config: Path | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of the file `config`, of `FREEHOLD_CONFIG`, or of `freehold.toml` in this folder.

    `overrides` come from the command line, by full name: `server.port`. Raises SettingsError.
    """
    from freehold.config.load import find_file, load

    return load(find_file(config, os.environ, Path.cwd()), os.environ, overrides=overrides)


def keys_of(settings: Settings, *, outlast: bool = False) -> Keys:
    """The keys. `outlast`: know them from before when their server cannot be reached. Raises StoreError."""
    from freehold.access.keys import Keys
    from freehold.access.pepper import pepper_of

    data, pepper = settings.data, settings.access.pepper
    return Keys(
        settings.database or data / "access.db",
        data / "secret" if pepper is None else pepper_of(pepper.reveal()),
        cache=data / "keys.cache" if outlast else None,
    )


def admin_keys_of(settings: Settings, keys: Keys) -> AdminKeys:
    """The keys of administrators, hashed with the pepper of the others."""
    from freehold.access.admin_keys import AdminKeys

    return AdminKeys(settings.database or settings.data / "access.db", keys.digest)


def audit_of(settings: Settings, *, patience: float = 5.0) -> AuditLog:
    """The log of administrative acts, in the database of the keys; `patience`: seconds that a server may take."""
    from freehold.access.audit import AuditLog

    return AuditLog(settings.database or settings.data / "access.db", patience=patience)


def has_keys(settings: Settings) -> bool:
    """Whether anybody has made a database of keys yet; of a server, that is taken for granted."""
    return settings.database is not None or (settings.data / "access.db").exists()


def history_of(settings: Settings, *, patience: float = 60.0) -> LedgerReader:
    """The ledger, to read; `patience`: seconds that a server may take over one question. Raises StoreError."""
    from freehold.ledger.reading import LedgerReader

    return LedgerReader(settings.database or settings.data / "ledger.db", patience=patience)


def comparisons_of(settings: Settings, *, patience: float = 60.0) -> Database:
    """Where suites, answers and comparisons are kept; `patience`: seconds that a server may take over one question.

    Nothing is opened yet.
    """
    from freehold.compare.database import Database

    return Database(settings.database or settings.data / "compare.db", patience=patience)


def rollouts_of(settings: Settings, *, patience: float = 10.0) -> RolloutDatabase:
    """Where rollouts are kept; `patience`: seconds that a server may take over one question. Nothing is opened yet."""
    from freehold.rollout.database import Database

    return Database(settings.database or settings.data / "rollout.db", patience=patience)


def parquet_of(
    history: LedgerReader, to: str, chosen: Filter, *, endpoint: str | None, bodies: bool
) -> Export:
    """An export of calls to a folder or `s3://bucket/prefix`. Raises StoreError, BadRequest."""
    from freehold.ledger.exporting import Export, Target

    return Export(history, Target(to, endpoint=endpoint), chosen, bodies=bodies)


def books_of(settings: Settings, clock: Clock | None = None) -> tuple[Books, Clock]:
    """Where the counters of the limits are kept, and the clock that they go by. Raises StoreError, SettingsError."""
    from freehold.core.clock import SystemClock

    clock = clock or SystemClock()
    if settings.shared_url is None:
        from freehold.limits.filed import FiledBooks

        return FiledBooks(settings.data / "limits.db"), clock
    from freehold.limits.shared import ServerClock, SharedBooks

    server_clock = ServerClock(clock)
    return SharedBooks(
        settings.shared_url.reveal(), server_clock, prefix=settings.shared.prefix
    ), server_clock
