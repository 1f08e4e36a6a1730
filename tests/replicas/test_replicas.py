"""Replicas at a real server: what one finds out about a provider, the others know within a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from books import run_valkey  # noqa: F401 - a fixture
from running_endpoint import RunningEndpoint, until
from valkey_server import ValkeyServer, needs_valkey

from freehold.providers.simulated import Behaviour, Lorem, Outage, Refused, Script, SimulatedProvider

pytestmark = needs_valkey()

TOML = """
[local]
enabled = false
[providers.sick]
base_url = "{sick}"
[providers.well]
base_url = "{well}"
[routes.chat]
incumbent = "sick/m"
fallbacks = ["well/m"]
[shared]
url = "env:VALKEY"
prefix = "{prefix}"
[health]
{more}
"""
ANSWER = Behaviour(text=Lorem(tokens=3))
WELL = Script(models={"*": ANSWER})


def ask(endpoint: RunningEndpoint, model: str = "chat") -> str:
    """Who answered."""
    with endpoint.connect() as client:
        answer = client.chat(model)
        assert answer.status == 200, answer.body
        return answer.headers["x-freehold-model"]


def test_one_finds_a_provider_sick_and_the_others_spare_it(
    tmp_path: Path, valkey: ValkeyServer, show: Callable[[str], None]
) -> None:
    sick = Script(models={"*": Behaviour(faults=(Refused(status=429, retry_after="60"),))})
    with (
        SimulatedProvider.in_thread(sick) as sim,
        SimulatedProvider.in_thread(WELL) as well,
        ExitStack() as stack,
    ):
        toml = TOML.format(sick=sim.base_url, well=well.base_url, prefix=tmp_path.name, more="")
        replicas = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            endpoint = RunningEndpoint(tmp_path / name, toml, "--new-key", environment={"VALKEY": valkey.url})
            replicas.append(stack.enter_context(endpoint))
        one, two = replicas
        until(lambda: two.health["parts"]["replicas"] == "2, all with this configuration")
        assert one.health["configuration"] == two.health["configuration"]
        assert ask(one) == "well/m"
        assert len(sim.requests) == 1
        began = time.monotonic()
        time.sleep(1.0)
        assert ask(two) == "well/m"
        assert len(sim.requests) == 1, "the other replica asked, too"
        show(f"replicas: spared {time.monotonic() - began:.1f} s after the other had found it out")
        two.configure(toml + "\n# another\n")
        until(lambda: "another configuration" in one.health["parts"]["replicas"])
        two.stop()
        until(lambda: one.health["parts"]["replicas"] == "1")


def test_without_the_server_each_goes_by_its_own(tmp_path: Path) -> None:
    with (
        ValkeyServer(tmp_path) as server,
        SimulatedProvider.in_thread(WELL) as sick,
        SimulatedProvider.in_thread(WELL) as well,
    ):
        toml = TOML.format(sick=sick.base_url, well=well.base_url, prefix="p", more="")
        with RunningEndpoint(tmp_path, toml, "--new-key", environment={"VALKEY": server.url}) as endpoint:
            until(lambda: endpoint.health["parts"]["replicas"] == "1")
            server.stop()
            until(lambda: endpoint.health["parts"]["replicas"].startswith("alone: Valkey: "))
            assert ask(endpoint) == "sick/m"
            assert endpoint.figures["freehold_replicas_ok"] == 0
            server.start()
            until(lambda: endpoint.health["parts"]["replicas"] == "1")


def test_a_provider_is_found_sick_and_well_again_without_a_call(tmp_path: Path, valkey: ValkeyServer) -> None:
    with (
        SimulatedProvider.in_thread(WELL) as sick,
        SimulatedProvider.in_thread(WELL) as well,
    ):
        toml = TOML.format(sick=sick.base_url, well=well.base_url, prefix=tmp_path.name, more="probe = 0.1")
        with RunningEndpoint(tmp_path, toml, "--new-key", environment={"VALKEY": valkey.url}) as endpoint:
            sick.play(Script(models={"*": ANSWER}, outage=Outage(how="refuse")))
            time.sleep(2.0)
            sick.forget()
            assert ask(endpoint) == "well/m"
            with endpoint.connect() as client:
                record = endpoint.recorded(client.chat("chat").call).call
            assert [(one.provider, one.reason) for one in record.attempts] == [("well", "fallback")]
            sick.play(WELL)
            until(lambda: ask(endpoint) == "sick/m")
            with endpoint.connect() as client:
                record = endpoint.recorded(client.chat("chat").call).call
            assert [one.provider for one in record.attempts] == ["sick"]
