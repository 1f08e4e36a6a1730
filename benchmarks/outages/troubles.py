"""What can happen to a server, and how it is made to happen."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable

import msgspec

from benchmarks.outages.stage import Stage

SECOND_EACH_WAY = 0.5
_START_S = 15.0


def _nothing(stage: Stage) -> None:
    """It is over by itself."""


class Trouble(msgspec.Struct, frozen=True):
    """One of them. Both functions block."""

    server: str
    what: str
    begin: Callable[[Stage], None] = _nothing
    end: Callable[[Stage], None] = _nothing


def _crash_postgres(stage: Stage) -> None:
    stage.postgres.stop("immediate")


def _start_postgres(stage: Stage) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            stage.postgres.start()
        except AssertionError:  # it says in words that it is not over its recovery yet
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def _restart_postgres(stage: Stage) -> None:
    stage.postgres.stop("fast")
    stage.postgres.start()


def _slow_postgres(stage: Stage) -> None:
    stage.to_postgres.delay = SECOND_EACH_WAY


def _quick_postgres(stage: Stage) -> None:
    stage.to_postgres.delay = 0.0


def _make_room(stage: Stage) -> None:
    """Somebody takes away what filled the disk; a server that ended for want of room is started again."""
    stage.disk.make_room()
    with contextlib.suppress(Exception):  # whatever the driver says: it is not well
        stage.postgres.execute("SELECT 1")
        return
    if stage.postgres.running:
        with contextlib.suppress(AssertionError):
            stage.postgres.stop("immediate")
    (stage.postgres.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
    _start_postgres(stage)


def _crash_valkey(stage: Stage) -> None:
    stage.valkey.stop()


def _start_valkey(stage: Stage) -> None:
    stage.valkey.start()


def _restart_valkey(stage: Stage) -> None:
    stage.valkey.stop()
    stage.valkey.start()


def _slow_valkey(stage: Stage) -> None:
    stage.to_valkey.delay = SECOND_EACH_WAY


def _quick_valkey(stage: Stage) -> None:
    stage.to_valkey.delay = 0.0


def _fill_valkey(stage: Stage) -> None:
    stage.valkey.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    stage.valkey.ask("CONFIG", "SET", "maxmemory", "1")


def _empty_valkey(stage: Stage) -> None:
    stage.valkey.ask("CONFIG", "SET", "maxmemory", "0")


TROUBLES = (
    Trouble("none", "nothing happens"),
    Trouble("PostgreSQL", "crashes, stays away", _crash_postgres, _start_postgres),
    Trouble("PostgreSQL", "is restarted", _restart_postgres),
    Trouble("PostgreSQL", "takes 1 s more to answer", _slow_postgres, _quick_postgres),
    Trouble(
        "PostgreSQL",
        "hangs",
        lambda stage: stage.postgres.freeze(),
        lambda stage: stage.postgres.thaw(),
    ),
    Trouble("PostgreSQL", "has a full disk", lambda stage: stage.disk.fill(), _make_room),
    Trouble("Valkey", "crashes, stays away, comes back empty", _crash_valkey, _start_valkey),
    Trouble("Valkey", "is restarted, and is empty", _restart_valkey),
    Trouble("Valkey", "takes 1 s more to answer", _slow_valkey, _quick_valkey),
    Trouble(
        "Valkey",
        "hangs",
        lambda stage: stage.valkey.send(signal.SIGSTOP),
        lambda stage: stage.valkey.send(signal.SIGCONT),
    ),
    Trouble("Valkey", "is full, and evicts nothing", _fill_valkey, _empty_valkey),
)
