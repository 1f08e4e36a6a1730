"""A rollout by command and endpoint together: from the first share to the whole route, and back where it does harm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Echo,
    Hang,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)
from freehold.providers.simulated.faults import AnyFault

GOOD = Script(models={"*": Behaviour(text=Echo())})
PLAN = "canary:50%,cutover"
QUICK = ("--plan", PLAN, "--settle", "5", "--settle-time", "1s", "--without-quality", "--slower", "any")


class Front:
    """An endpoint with a route `r` from `old/m`, and commands beside it."""

    def __init__(self, endpoint: RunningEndpoint, new: ThreadedProvider) -> None:
        self.endpoint, self.new = endpoint, new
        self.asked = 0

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`freehold rollout WORDS`."""
        return subprocess.run(
            [sys.executable, "-m", "freehold", "rollout", *words],
            cwd=self.endpoint.folder,
            env=self.endpoint.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def said(self, *words: str) -> dict[str, Any]:
        """The same with `--json`, which goes well."""
        done = self(*words, "--json")
        assert done.returncode in (0, 1, 3), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def ask(self, many: int = 1) -> list[str]:
        """Conversations, one call each; which provider answered."""
        found = []
        with self.endpoint.connect() as client:
            for _ in range(many):
                self.asked += 1
                answer = client.chat("r", f"Conversation {self.asked}.")
                assert answer.status == 200, answer.body
                call = self.endpoint.recorded(answer.call).call
                found.append(str(call.provider))
        return found

    def until_answered_by(self, name: str) -> None:
        """Until everybody is answered by this provider."""
        until(lambda: set(self.ask(8)) == {name})

    def state(self) -> str:
        """How the rollout stands, while calls go on."""
        self.ask(4)
        found = self.said("status", "r")
        return f"{found['state']} {found['stage']}"


def config(old: str, new: str, more: str = "") -> str:
    return f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[rollout]
interval = 0.2
[providers.old]
base_url = "{old}"
[providers.new]
base_url = "{new}"
timeouts = {{ first_token = 0.5 }}
[models."new/m"]
input = 1
output = 1
[routes.r]
incumbent = "old/m"
{more}
"""


@contextmanager
def front(folder: Path, *faults: AnyFault, words: tuple[str, ...] = ()) -> Iterator[Front]:
    script = Script(models={"*": Behaviour(text=Echo(), faults=faults)})
    with (
        SimulatedProvider.in_thread(GOOD) as old,
        SimulatedProvider.in_thread(script) as new,
        RunningEndpoint(folder, config(old.base_url, new.base_url), "--new-key", *words) as endpoint,
    ):
        yield Front(endpoint, new)


def test_as_good_a_model_comes_to_have_the_whole_route_and_keeps_it(tmp_path: Path) -> None:
    with front(tmp_path) as here:
        assert set(here.ask(10)) == {"old"}
        begun = here("start", "r", "--to", "new/m", *QUICK)
        assert begun.returncode == 0, begun.stderr
        until(lambda: here.state() == "finished cutover", 60)
        here.until_answered_by("new")
        told = here.said("status", "r")
        assert [one["act"] for one in told["transitions"]] == ["start", "pass", "finish"]
        assert told["transitions"][1]["evidence"]["answered"] >= 5
        assert told["line"] == '[routes.r]\nincumbent = "new/m"'
        here.endpoint.kill()
        here.endpoint.start()
        assert set(here.ask(8)) == {"new"}  # from the first call on
        assert here("abort", "r").returncode == 0
        here.until_answered_by("old")
        assert here.said("status", "r")["state"] == "aborted"


@pytest.mark.parametrize("fault", [Refused(status=500), Hang()], ids=["fails", "hangs"])
def test_whoever_does_not_answer_is_rolled_back_and_no_client_notices(
    tmp_path: Path, fault: AnyFault
) -> None:
    with front(tmp_path, fault) as here:
        here("start", "r", "--to", "new/m", *QUICK)
        # How many of the conversations are the candidate's is chance, and its breaker passes over some of them.
        until(lambda: here.state() == "rolled back 50%", 240)
        here.until_answered_by("old")  # as all did before: `ask` fails where a client sees an error
        asked = len(here.new.requests)
        assert 1 <= asked <= 60
        here.ask(20)
        assert len(here.new.requests) == asked
        status = here("status", "r")
        assert status.returncode == 1
        assert "errors" in status.stdout
        assert "The candidate does harm" in status.stdout


def test_nothing_goes_on_while_it_is_paused_or_nobody_knows_of_quality(tmp_path: Path) -> None:
    with front(tmp_path) as here:
        here("start", "r", "--to", "new/m", "--plan", PLAN, "--settle", "2", "--settle-time", "1s")
        until(lambda: (here.ask(4), here("status", "r").returncode == 3)[1], 60)
        told = here.said("status", "r")
        assert "Undecided: nobody judges or votes" in told["waiting_for"]
        assert here("pause", "r").returncode == 0
        assert here("promote", "r", "--from", "cutover").returncode == 1
        assert here("promote", "r", "--from", "50%").returncode == 0
        again = here("promote", "r", "--from", "50%")
        assert again.returncode == 1
        assert "is at `cutover`" in again.stderr
        here.until_answered_by("new")


def test_a_rollout_whose_route_was_changed_ends_by_itself(tmp_path: Path) -> None:
    with front(tmp_path) as here:
        here("start", "r", "--to", "new/m", "--plan", PLAN)
        until(lambda: "new" in here.ask(8))
        text = here.endpoint.file.read_text().replace('incumbent = "old/m"', 'incumbent = "old/another"')
        here.endpoint.configure(text)
        until(lambda: here.said("status", "r")["state"] == "aborted", 60)
        here.until_answered_by("old")


def test_several_workers_go_the_same_way(tmp_path: Path) -> None:
    with front(tmp_path, words=("--workers", "2")) as here:
        here("start", "r", "--to", "new/m", *QUICK)
        until(lambda: here.state() == "finished cutover", 60)
        here.until_answered_by("new")
        acts = [one["act"] for one in here.said("status", "r")["transitions"]]
        assert acts == ["start", "pass", "finish"]


def test_what_cannot_be_is_said_and_nothing_is_changed(tmp_path: Path) -> None:
    endpoint = RunningEndpoint(tmp_path, config("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"))
    with SimulatedProvider.in_thread(GOOD) as new:
        here = Front(endpoint, new)
        for words, told in (
            (("r", "--to", "new/m", "--plan", "canary:5%,1%,cutover"), "`1%` follows `5%`"),
            (("r", "--to", "new/m", "--slower", "a lot"), "`a lot` is no share"),
        ):
            done = here("start", *words)
            assert (done.returncode, done.stdout) == (1, "")
            assert told in done.stderr
            assert "Traceback" not in done.stderr
        assert not (endpoint.data / "rollout.db").exists()


def test_where_no_rollout_was_started_nothing_is_there(tmp_path: Path) -> None:
    with front(tmp_path) as here:
        here.ask(2)
        done = here("list")
        assert (done.returncode, done.stdout) == (0, "")
        assert "No rollout was started yet" in done.stderr
        assert not (here.endpoint.data / "rollout.db").exists()
        assert here("status", "r").returncode == 1
