"""A route under load while a rollout moves it to a candidate, which may be worse, or sick."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from honest_judge import HonestJudge
from load import Done, Load
from plain_client import PlainClient
from running_endpoint import RunningEndpoint, until

from freehold.ledger.filters import Filter
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider
from freehold.providers.simulated.faults import AnyFault
from freehold.providers.simulated.script import Recite
from freehold.rollout.archive import Archive
from freehold.rollout.database import Database
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.terms import Rollout

ROUTE, OLD, NEW = "copilot", "old/model", "new/model"
_ANSWERS = 40_000
_VOTERS = 32
TOML = """
[local]
enabled = false
[rollout]
interval = 0.5
[providers.old]
base_url = "{old}"
[providers.new]
base_url = "{new}"
{limits}
[providers.judge]
base_url = "{judge}"
[routes.copilot]
incumbent = "old/model"
{route}
[models."old/model"]
input = 1
output = 10
[models."new/model"]
input = 1
output = 10
[models."judge/judge"]
input = 1
output = 10
"""


def graded(wrong: float, *, seed: int) -> Script:
    """Answers of which the share `wrong` is not right, in an order that nobody sees through."""
    chance = random.Random(seed)
    said = tuple(Behaviour(text="WRONG" if chance.random() < wrong else "RIGHT") for _ in range(_ANSWERS))
    return Script(models={"*": said})


def sick(*faults: AnyFault) -> Script:
    """Nothing but this; where it says something, that is long enough to break in the middle."""
    return Script(models={"*": Behaviour(text=Recite(tokens=40), faults=faults)})


class Front:
    """The endpoint, and what there is behind it."""

    def __init__(self, endpoint: RunningEndpoint, candidate: ThreadedProvider) -> None:
        self.endpoint = endpoint
        self.candidate = candidate

    def command(self, *words: str) -> tuple[int, str, str]:
        """What a person does: exit status, standard output, standard error."""
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *words],
            cwd=self.endpoint.folder,
            env=self.endpoint.environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def start(self, plan: str, *more: str) -> str:
        """A rollout; its id. A stage lasts a second at least."""
        words = ("--to", NEW, "--plan", plan, "--settle-time", "1s", *more)
        status, said, error = self.command("rollout", "start", ROUTE, *words, "--json")
        assert status == 0, error or said
        return str(msgspec.json.decode(said)["id"])

    def status(self, rollout: str) -> tuple[int, Any]:
        """What `freehold rollout status` ends with, and tells."""
        status, said, error = self.command("rollout", "status", rollout, "--json")
        assert said, error
        return status, msgspec.json.decode(said)

    def until_state(self, rollout: str, state: str, *, limit: float = 120.0) -> Rollout:
        """The rollout, once it is in this state."""
        with closing(Database(self.endpoint.data / "rollout.db")) as database:
            archive = Archive(database)

            def look() -> Rollout | None:
                time.sleep(0.1)
                found = archive.find(rollout)
                return found if found.state == state else None

            try:
                return until(look, limit)
            except AssertionError:
                raise AssertionError(self.command("rollout", "status", rollout)[1]) from None

    def copies(self, rollout: str) -> int:
        """Made so far."""
        with closing(Database(self.endpoint.data / "rollout.db")) as database:
            return PairArchive(database).tally(rollout, 0, 2**60).finished

    def load(self, rate: float = 60.0, connections: int = 12) -> Load:
        """Clients, each call of which is another conversation."""
        return Load(
            self.endpoint.url,
            self.endpoint.key,
            model=ROUTE,
            text="Question",
            rate=rate,
            connections=connections,
        )

    @contextmanager
    def votes(self, load: Load) -> Iterator[None]:
        """Somebody says of every answer whether it is right. A vote is answered when it is on record, so many vote at
        once.
        """
        over, numbers = threading.Event(), itertools.count()

        def vote() -> None:
            with PlainClient(self.endpoint.url, self.endpoint.key, 20.0) as client:
                for number in numbers:
                    while len(load.done) <= number:
                        if over.wait(0.05):
                            return
                    one = load.done[number]
                    if one.status == 200 and not over.is_set():
                        client.post(f"/v1/calls/{one.call}/feedback", {"value": b"WRONG" not in one.body})

        voters = [threading.Thread(target=vote) for _ in range(_VOTERS)]
        for voter in voters:
            voter.start()
        try:
            yield
        finally:
            over.set()
            for voter in voters:
                voter.join()

    def answered_by(self, model: str) -> int:
        """Calls of clients that this model was asked for first."""
        found = 0
        for entry in self.endpoint.ledger.calls(Filter(route=ROUTE, operation="chat"), limit=1_000_000):
            attempts = entry.call.attempts
            found += bool(attempts) and f"{attempts[0].provider}/{attempts[0].model}" == model
        return found


def nobody_suffered(load: Load) -> None:
    """Every call was answered to its end, with an answer."""
    assert not load.broken, load.broken[:3]
    bad = [one for one in load.done if not _is_whole(one)]
    assert not bad, f"{len(bad)} of {len(load.done)}: {bad[:3]}"


def _is_whole(one: Done) -> bool:
    if one.status != 200 or b'"error"' in one.body:
        return False
    return b'"finish_reason":"stop"' in one.body.replace(b'": "', b'":"')


@contextmanager
def front(
    folder: Path, old: Script, new: Script, *, limits: str = "", route: str = "", words: tuple[str, ...] = ()
) -> Iterator[Front]:
    """`limits`: of the candidate's provider; `route`: more of the route's table."""
    with ExitStack() as stack:
        incumbent = stack.enter_context(SimulatedProvider.in_thread(old))
        candidate = stack.enter_context(SimulatedProvider.in_thread(new))
        judge = stack.enter_context(HonestJudge())
        toml = TOML.format(
            old=incumbent.base_url, new=candidate.base_url, judge=judge.url, limits=limits, route=route
        )
        endpoint = stack.enter_context(RunningEndpoint(folder, toml, *words))
        yield Front(endpoint, candidate)
