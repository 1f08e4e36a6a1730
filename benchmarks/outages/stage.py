"""Two replicas, their servers, and a provider: everything that a rehearsal needs, on this machine."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from benchmarks.limits.endpoints import Endpoint
from benchmarks.outages.servers import Disk, PostgresServer, SlowRoad, ValkeyServer, small_disk
from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider, ThreadedProvider

ANSWER = 30
READ, WROTE = 1_000, 10_000
"""Billionths of a dollar a token."""
BUDGET_CALLS = 150
BUDGET = BUDGET_CALLS * (5 * READ + ANSWER * WROTE)
"""Of each tight route, in billionths of a dollar."""

TOML = """
[local]
enabled = false
[database]
url = "env:OUTAGES_DATABASE"
[access]
pepper = "env:OUTAGES_PEPPER"
[shared]
url = "env:OUTAGES_SHARED"
[ledger]
flush_ms = 50
[providers.acme]
base_url = "{url}"
[routes.wide]
incumbent = "acme/wide"
{routes}
[models."acme/wide"]
input = 1
output = 10
[limits.wide]
on = "organisation"
per = "month"
money = 1_000_000
[limits.tight]
on = "route"
only = [{tight}]
per = "day"
money = "{budget}"
"""


class Stage:
    """It is all running."""

    def __init__(
        self,
        postgres: PostgresServer,
        valkey: ValkeyServer,
        disk: Disk,
        *,
        roads: tuple[SlowRoad, SlowRoad],
        provider: ThreadedProvider,
        database: str,
    ) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.disk = disk
        self.to_postgres, self.to_valkey = roads
        self.provider = provider
        self.database = database
        """Past the road."""
        self.replicas: list[Endpoint] = []

    @property
    def key(self) -> str:
        """For clients."""
        return self.replicas[0].key

    def figures(self) -> list[dict[str, float]]:
        """What each replica's `/metrics` says."""
        return [_figures(one.url, self.key) for one in self.replicas]

    def parts(self) -> list[dict[str, str]]:
        """What each replica's `/health/ready` says of its parts."""
        found: list[dict[str, str]] = []
        for one in self.replicas:
            read: Any = msgspec.json.decode(_get(f"{one.url}/health/ready", self.key))
            found.append(read["parts"])
        return found

    @property
    def well(self) -> bool:
        """Whether nobody has anything to complain of, and nothing waits on a disk."""
        spooled = sum(one.get("freehold_ledger_spooled", 0) for one in self.figures())
        return not spooled and all(
            part.get(name) == "ok" for part in self.parts() for name in ("ledger", "limits", "keys")
        )

    def bill(self, model: str) -> int:
        """What the provider has to bill for a model, in billionths of a dollar."""
        return sum(
            one.asked.input_tokens() * READ + one.tokens * WROTE
            for one in self.provider.requests
            if one.asked is not None and one.model == model and (one.status or 200) < 300
        )

    def recorded(self) -> dict[str, int]:
        """How often each call is in the ledger."""
        with psycopg.connect(self.database, options="-c search_path=freehold_ledger") as connection:
            rows = connection.execute("SELECT id, count(*) FROM calls GROUP BY id").fetchall()
        return {str(name): int(count) for name, count in rows}


def _get(url: str, key: str) -> bytes:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            read: bytes = answer.read()
    except urllib.error.HTTPError as error:  # not ready: that is an answer, too
        read = error.read()
    return read


def _figures(url: str, key: str) -> dict[str, float]:
    lines = _get(f"{url}/metrics", key).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


@contextlib.contextmanager
def stage(phases: int) -> Iterator[Stage]:
    """Start everything. There is a tight route for each of so many phases: `tight-0`, `tight-1`…"""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="freehold-outages-")))
        disk = stack.enter_context(small_disk())
        postgres = PostgresServer(durable=True, folder=disk.folder)
        stack.callback(postgres.throw_away)
        postgres.start()
        database = postgres.make_database()
        valkey = stack.enter_context(ValkeyServer(folder))
        to_postgres = stack.enter_context(SlowRoad(postgres.port))
        to_valkey = stack.enter_context(SlowRoad(valkey.port))
        script = Script(
            models={"*": Behaviour(text=Lorem(tokens=ANSWER), tokens_per_s=300.0, first_token_s=0.05)}
        )
        provider = stack.enter_context(SimulatedProvider.in_thread(script, keep=1_000_000))
        found = Stage(
            postgres,
            valkey,
            disk,
            roads=(to_postgres, to_valkey),
            provider=provider,
            database=database,
        )
        names = [f"tight-{number}" for number in range(phases)]
        toml = TOML.format(
            url=provider.base_url,
            routes="\n".join(
                f'[routes.{name}]\nincumbent = "acme/{name}"\n[models."acme/{name}"]\ninput = 1\noutput = 10'
                for name in names
            ),
            tight=", ".join(f'"{name}"' for name in names),
            budget=BUDGET / 10**9,
        )
        environment = {
            "OUTAGES_DATABASE": database.replace(str(postgres.port), str(to_postgres.port)),
            "OUTAGES_PEPPER": secrets.token_hex(32),
            "OUTAGES_SHARED": f"valkey://127.0.0.1:{to_valkey.port}/0",
        }
        for number in range(2):
            home = folder / f"replica-{number}"
            home.mkdir()
            one = Endpoint(home, toml, environment)
            one.start(*(("--new-key",) if number == 0 else ()))
            stack.callback(one.end)
            found.replicas.append(one)
        end = time.monotonic() + 20
        while not found.well:
            if time.monotonic() > end:
                raise RuntimeError(f"it does not get well: {found.parts()}")
            time.sleep(0.1)
        yield found
