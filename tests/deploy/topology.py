"""What deploy/compose.yaml describes, with the files it ships, as processes on loopback instead of containers.

Two replicas of `freehold up` with deploy/config/freehold.toml behind nginx with deploy/nginx/nginx.conf, PostgreSQL,
and Valkey (or Redis) started with the words of compose.yaml, with the secrets of deploy/make-secrets. Changed are
addresses, folders and the provider alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import shipped
from plain_client import PlainClient
from postgres_server import PostgresServer
from running_endpoint import LIMIT, RunningEndpoint, until

from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of
from freehold.core.secret import Secret
from freehold.store.places import Server

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
VALKEY = shutil.which("valkey-server") or shutil.which("redis-server")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Topology:
    """Use it as `with Topology(folder, provider_url) as topology`."""

    def __init__(self, folder: Path, provider: str, limits: str = "") -> None:
        """`provider`: where the models are. `limits` take the place of those that are shipped."""
        self.folder = folder
        self.postgres = PostgresServer()
        self.port = free_port()
        self._valkey_port = free_port()
        self._secrets = self._make_secrets()
        self._others: list[subprocess.Popen[bytes]] = []
        self.replicas = [self._replica(number, provider, limits) for number in (1, 2)]
        self._valkey: subprocess.Popen[bytes] | None = None

    # The pieces

    def _make_secrets(self) -> Path:
        shutil.copy(shipped.DEPLOY / "make-secrets", self.folder)
        done = subprocess.run(
            [self.folder / "make-secrets"], capture_output=True, text=True, check=True, timeout=LIMIT
        )
        assert "openai_api_key" in done.stderr, "it says what it cannot make"
        secrets = self.folder / "secrets"
        for name, host, here in (
            ("database_url", "postgres:5432", f"127.0.0.1:{self.postgres.port}"),
            ("valkey_url", "valkey:6379", f"127.0.0.1:{self._valkey_port}"),
        ):
            text = (secrets / name).read_text()
            assert host in text
            (secrets / name).chmod(0o600)
            (secrets / name).write_text(text.replace(host, here))
        (secrets / "openai_api_key").write_text("sk-simulated-0123456789")
        (secrets / "openai_api_key").chmod(0o440)
        return secrets

    def _replica(self, number: int, provider: str, limits: str) -> RunningEndpoint:
        folder = self.folder / f"freehold-{number}"
        folder.mkdir()
        toml = (shipped.DEPLOY / "config" / "freehold.toml").read_text()
        if limits:
            toml = toml.partition("[limits.")[0] + limits
        toml = toml.replace("/run/secrets", str(self._secrets))
        toml = toml.replace("/var/lib/freehold", str(folder / ".freehold"))
        toml = toml.replace("[providers.openai]", f'[providers.openai]\nbase_url = "{provider}"')
        return RunningEndpoint(
            folder, toml, "--host", "127.0.0.1", "--port", str(free_port()), may_complain=True
        )

    def start_valkey(self) -> None:
        """The command of compose.yaml, with its user of the make-secrets."""
        assert VALKEY is not None
        data = self.folder / "valkey"
        data.mkdir(exist_ok=True)
        words = [str(word) for word in shipped.compose()["services"]["valkey"]["command"]]
        words = [
            word.replace("/run/secrets", str(self._secrets)).replace("/data", str(data)) for word in words
        ]
        with (self.folder / "valkey.log").open("ab") as log:
            words = [VALKEY, "--bind", "127.0.0.1", "--port", str(self._valkey_port), *words]
            self._valkey = subprocess.Popen(words, stdout=log, stderr=log)
        until(lambda: self._listens(self._valkey_port))

    def stop_valkey(self) -> None:
        """As a crash does."""
        if self._valkey is not None:
            self._valkey.kill()
            self._valkey.wait(LIMIT)
            self._valkey = None

    def _start_nginx(self) -> None:
        assert NGINX is not None
        text = (shipped.DEPLOY / "nginx" / "nginx.conf").read_text()
        for number, replica in enumerate(self.replicas, start=1):
            address = f"10.84.84.1{number}:8484"
            assert text.count(address) == 2, "in both groups"
            text = text.replace(address, replica.url.removeprefix("http://"))
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{self.port};")
        text = text.replace(" /tmp/", f" {self.folder}/nginx-")
        text = text.replace("/dev/stderr", str(self.folder / "nginx.log"))
        text = text.replace("/dev/stdout", str(self.folder / "nginx.access"))
        file = self.folder / "nginx.conf"
        file.write_text(text)
        words = [NGINX, "-c", str(file), "-g", "daemon off;" + (" user root;" if os.geteuid() == 0 else "")]
        with (self.folder / "nginx.out").open("ab") as log:
            self._others.append(subprocess.Popen(words, stdout=log, stderr=log))
        until(lambda: self._listens(self.port))

    @staticmethod
    def _listens(port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    # What one does with it

    @property
    def url(self) -> str:
        """Of the load balancer."""
        return f"http://127.0.0.1:{self.port}"

    def make_key(self, name: str) -> str:
        """As an operator does, with the command line of the first replica."""
        one = self.replicas[0]
        words = [sys.executable, "-m", "freehold", "keys", "create", name]
        done = subprocess.run(
            words,
            cwd=one.folder,
            env=one.environment,
            capture_output=True,
            text=True,
            timeout=3 * LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make_keys(self, *names: str) -> list[str]:
        """Several at once, past the command line."""
        pepper = pepper_of((self._secrets / "pepper").read_text())
        with closing(Keys(self.database, pepper)) as keys:
            return [keys.create(name)[1] for name in names]

    @property
    def database(self) -> Server:
        """Where keys and ledger are."""
        return Server(Secret(self.postgres.url("freehold"), "test"))

    def connect(self, key: str) -> PlainClient:
        """To the load balancer."""
        return PlainClient(self.url, key, LIMIT)

    def __enter__(self) -> Self:
        try:
            self.start_valkey()
            self.postgres.start()
            self.postgres.execute("CREATE DATABASE freehold")
            self.key = self.make_key("laptop")
            with ThreadPoolExecutor() as together:
                for replica in together.map(RunningEndpoint.start, self.replicas):
                    replica.key = self.key
            self._start_nginx()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for other in self._others:
            other.send_signal(signal.SIGQUIT)
            try:
                other.wait(LIMIT)
            except subprocess.TimeoutExpired:
                other.kill()
                other.wait()
        try:
            for replica in self.replicas:
                if replica.running:
                    replica.__exit__(kind, error, trace)
        finally:
            self.stop_valkey()
            self.postgres.throw_away()
