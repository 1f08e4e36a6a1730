"""A real PostgreSQL server on loopback, in a folder of its own: started, stopped, frozen and thrown away by tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import psycopg

_USER = "postgres"
_PLACES = ("/usr/lib/postgresql", "/usr/pgsql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql")


@cache
def programs() -> Path | None:
    """The folder of the server's programs, of the newest version that is installed; None when there is none."""
    found = [path.parent for place in _PLACES for path in Path(place).glob("**/bin/initdb")]
    if found:
        return max(found, key=lambda one: [int(part) for part in one.parts if part.isdigit()])
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


class PostgresServer:
    """One server. It trusts who connects from this machine, and flushes nothing to the disk unless `durable`.

    All of it is in `folder`, which is thrown away with it; without one, in a folder of its own.
    """

    def __init__(self, *, durable: bool = False, folder: Path | None = None) -> None:
        # Not in pytest's own folder: the server runs as another user, who may not look into that.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="freehold-postgres-"))
        self.port = _free_port()
        self._databases = 0
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 200,
        }
        if not durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        self._options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run(
            "initdb",
            "--username=freehold",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )

    def url(self, database: str = "postgres") -> str:
        """Where a database is."""
        return f"postgresql://freehold@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        self._run("pg_ctl", "start", "--wait", f"--log={self.folder / 'log'}", f"--options={self._options}")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is as a crash; `fast` ends connections; `smart` waits for them."""
        self.thaw()
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def freeze(self) -> None:
        """Let it take connections and answer nothing, as a machine that hangs."""
        self._tell_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._tell_all(signal.SIGCONT)

    def make_database(self, like: str | None = None) -> str:
        """The URL of a database that is new: empty, or a copy of the one at `like`, which nobody may be using."""
        self._databases += 1
        name = f"test_{self._databases}"
        copied = "template1" if like is None else like.rpartition("/")[2]
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{copied}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Throw a database away, whoever still uses it."""
        name = url.rpartition("/")[2]
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Do one statement outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def throw_away(self) -> None:
        """Stop it and remove all that it wrote."""
        if self.running:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tell_all(self, what: signal.Signals) -> None:
        with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
            first = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
            for process in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(what)

    def _run(self, program: str, *arguments: str) -> None:
        folder = programs()
        assert folder is not None
        command = [str(folder / program), f"--pgdata={self.folder / 'data'}", *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", _USER, "--", *command]
        # To a file: the server inherits the outputs, and a pipe would stay open as long as it runs.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, cwd="/", stdout=output, stderr=subprocess.STDOUT, check=False)
            output.seek(0)
            assert done.returncode == 0, output.read().decode(errors="replace")


@contextmanager
def serving(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server that runs, and is thrown away at the end."""
    server = PostgresServer(durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.throw_away()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
