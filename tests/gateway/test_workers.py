"""`freehold up --workers N`: several processes answer on one port, as if they were one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from load import Load
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    models={
        "old": Behaviour(text="From the old one."),
        "new": Behaviour(text="From the new one."),
        "slow": Behaviour(text="word " * 80, tokens_per_s=20.0),
        "*": Behaviour(text=Echo()),
    }
)
RATE = 200.0


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


def toml_for(provider: ThreadedProvider, more: str = "", server: str = "") -> str:
    return f"""
[local]
enabled = false
[server]
{server}
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
{more}
"""


def workers(endpoint: RunningEndpoint) -> list[dict[str, Any]]:
    """The workers, as `/health/ready` tells of them."""
    found: list[dict[str, Any]] = endpoint.health["workers"]
    return found


def processes(endpoint: RunningEndpoint) -> set[int]:
    """Those of the workers that take calls."""
    return {one["process"] for one in workers(endpoint) if one["state"] == "ready"}


def wait_for(endpoint: RunningEndpoint, words: str, since: int) -> None:
    until(lambda: endpoint.says(words, since=since))


def replaced(endpoint: RunningEndpoint, victim: int, count: int) -> bool:
    """Whether another has taken the place of the victim."""
    found = processes(endpoint)
    return len(found) == count and victim not in found


def on_record(endpoint: RunningEndpoint) -> set[str]:
    return {entry.call.id for entry in endpoint.ledger.export()}


def runs_of(endpoint: RunningEndpoint, load: Load) -> None:
    """Every call of the load was answered well, and is on record."""
    assert load.broken == []
    assert {one.status for one in load.done} == {200}
    answered = {one.call for one in load.done}
    assert len(answered) == len(load.done)
    until(lambda: answered <= on_record(endpoint))


def test_both_answer_and_one_ledger_has_it_all(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
        with Load(endpoint.url, endpoint.key, rate=RATE) as load:
            load.until_done(400)
            # Which of them a connection comes to is the kernel's lot, and may long be the same.
            until(lambda: all(run.written > 0 for run in endpoint.ledger.runs()))
            load.stop()
        runs_of(endpoint, load)
        assert endpoint.health["parts"]["workers"] == "ok; 2 of 2 ready"
        runs = endpoint.ledger.runs()
        assert {run.process for run in runs} == processes(endpoint)
        assert len(runs) == 2
        figures = endpoint.figures
        counted = sum(value for name, value in figures.items() if name.startswith("freehold_calls_total"))
        assert counted == len(load.done), "any worker speaks for all"
        assert figures["freehold_ledger_written_total"] == len(load.done)
        assert figures["freehold_workers_ready"] == 2
    assert [run.ending for run in endpoint.ledger.runs()] == ["clean", "clean"]
    assert endpoint.gaps == []


def test_a_rolling_restart_loses_no_call_and_cuts_no_stream(
    tmp_path: Path, provider: ThreadedProvider, show: Callable[[str], None]
) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint,
        endpoint.connect() as client,
        endpoint.connect() as second,
    ):
        before = processes(endpoint)
        streams = [client.stream("sim/slow"), second.stream("sim/slow")]
        for stream in streams:
            stream.event()
        with Load(endpoint.url, endpoint.key, rate=RATE) as load:
            load.until_done(100)
            endpoint.send(signal.SIGUSR2)
            until(lambda: endpoint.says("all workers were replaced"))
            load.until_done(200)
            load.stop()
        for stream in streams:
            events = stream.rest()
            assert events[-1] == b"[DONE]"
            assert len(events) == 80 + 2
        runs_of(endpoint, load)
        after = processes(endpoint)
        assert len(after) == 2
        assert not after & before
        counted = sum(
            value for name, value in endpoint.figures.items() if name.startswith("freehold_calls_total")
        )
        assert counted == len(load.done) + len(streams), "what the old ones counted goes on being counted"
        show(
            f"rolling restart at {RATE:.0f} calls/s: {len(load.done)} calls, none lost, "
            f"p99 {load.slowest_ms():.1f} ms"
        )
    assert endpoint.gaps == []


def test_new_connections_during_a_rolling_restart(tmp_path: Path, provider: ThreadedProvider) -> None:
    """A connection for each call: one that an old worker has not accepted yet is accepted by a new one."""
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
        endpoint.send(signal.SIGUSR2)
        asked = 0
        while not endpoint.says("all workers were replaced"):
            with endpoint.connect() as client:
                assert client.chat("default").status == 200
            asked += 1
        assert asked > 50
        until(lambda: len(on_record(endpoint)) == asked)


def test_a_changed_configuration_is_in_force_in_every_worker(
    tmp_path: Path, provider: ThreadedProvider
) -> None:
    plain = toml_for(provider).replace("sim/m", "sim/old")
    with RunningEndpoint(tmp_path, plain, "--workers", "2") as endpoint:
        with Load(endpoint.url, endpoint.key, rate=RATE) as load:
            load.until_done(50)
            names = [endpoint.health["configuration"]]
            for version, model in ((2, "new"), (3, "old"), (4, "new")):
                known = len(endpoint.log)
                endpoint.configure(plain.replace("sim/old", f"sim/{model}"))
                wait_for(endpoint, "the changed configuration is in force", since=known)
                now = time.time()
                load.until_done(60)
                said = {one.body for one in load.done if one.sent_at > now and one.body[:1] == b"{"}
                assert said
                assert all(f"From the {model} one.".encode() in body for body in said)
                names.append(endpoint.health["configuration"])
                assert {one["configuration"] for one in workers(endpoint)} == {names[-1]}
                assert endpoint.says(f"in force (version {version})")
            load.stop()
        assert names[0] == names[2] != names[1] == names[3]
        runs_of(endpoint, load)
        known = len(endpoint.log)
        endpoint.configure(plain.replace("sim/old", "smi/old"))
        until(lambda: endpoint.says("ERROR", "the edited configuration is not in force", since=known))
        assert endpoint.log[known:].count("is not in force") == 1, "a broken file is told once"
        assert endpoint.health["parts"]["configuration"].startswith("an edit was not taken")
        assert endpoint.figures["freehold_configuration_ok"] == 0

        # What takes a dead worker's place has the configuration in force, not the one in the broken file.
        (victim, *_) = processes(endpoint)
        os.kill(victim, signal.SIGKILL)
        until(lambda: replaced(endpoint, victim, 2))
        with Load(endpoint.url, endpoint.key, rate=RATE) as load:
            load.until_done(50)
            load.stop()
        assert {one.status for one in load.done} == {200}


def test_when_a_worker_is_killed_the_others_answer_on(
    tmp_path: Path, provider: ThreadedProvider, show: Callable[[str], None]
) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "3") as endpoint:
        with Load(endpoint.url, endpoint.key, rate=RATE) as load:
            load.until_done(200)
            until(lambda: all(one.written for one in endpoint.ledger.runs()))
            (victim, *_) = processes(endpoint)
            killed_at = time.time()
            os.kill(victim, signal.SIGKILL)
            until(lambda: replaced(endpoint, victim, 3))
            back_at = time.time()
            load.until_done(100)
            load.stop()
        assert len(load.broken) <= 12, "only what was under way in that one"
        assert {one.status for one in load.done} == {200}
        between = [one for one in load.done if killed_at < one.sent_at and one.done_at < back_at]
        assert len(between) > RATE * (back_at - killed_at) / 2
        assert endpoint.says("ERROR", f"(process {victim}) ended: killed by SIGKILL")
        assert endpoint.figures["freehold_worker_restarts_total"] == 1

        def killed() -> list[Any]:
            return [run for run in endpoint.ledger.runs() if run.ending == "killed"]

        (run,) = until(killed)
        assert run.process == victim
        stated = dict.fromkeys(("killed", "in flight"), 0)
        for gap in endpoint.gaps:
            stated[gap.reason] += gap.calls or 0
        answered = {one.call for one in load.done}
        until(lambda: len(answered - on_record(endpoint)) <= stated["killed"])
        assert stated["killed"] <= len(answered - on_record(endpoint)) + 12
        assert stated["in flight"] <= 12
        show(
            f"one of 3 workers killed at {RATE:.0f} calls/s: {len(between)} answered by the others in the "
            f"{back_at - killed_at:.2f} s until there was another, {len(load.broken)} broken, stated as lost {stated}"
        )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_what_runs_finish(
    number: signal.Signals, tmp_path: Path, provider: ThreadedProvider
) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
        with Load(endpoint.url, endpoint.key, rate=RATE) as load, endpoint.connect() as client:
            stream = client.stream("sim/slow")
            stream.event()
            load.until_done(100)
            if number == signal.SIGTERM:
                for one in psutil.Process(endpoint.pid).children():
                    one.send_signal(number)  # as a service manager does, to every process
            endpoint.send(number)
            assert stream.rest()[-1] == b"[DONE]"
            assert endpoint.wait() == 0
            load.stop()
        assert {one.status for one in load.done} == {200}
        assert {one.call for one in load.done} | {stream.call} == on_record(endpoint)
        assert [run.ending for run in endpoint.ledger.runs()] == ["clean", "clean"]
        assert endpoint.gaps == []
        assert "Traceback" not in endpoint.log


def test_a_second_signal_hurries(tmp_path: Path, provider: ThreadedProvider) -> None:
    provider.play(Script(models={"*": Behaviour(text="word " * 10_000, tokens_per_s=20.0)}))
    try:
        with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
            with endpoint.connect() as client:
                stream = client.stream("default")
                stream.event()
                began = time.monotonic()
                endpoint.send(signal.SIGTERM)
                for _ in range(10):
                    stream.event()
                endpoint.send(signal.SIGTERM)
                *_, last = stream.rest()
                assert msgspec.json.decode(last)["error"]["code"] == "stopping"
            assert endpoint.wait() == 0
            assert time.monotonic() - began < 8.0
    finally:
        provider.play(SCRIPT)


def test_without_a_supervisor_workers_end(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
        found = [psutil.Process(pid) for pid in processes(endpoint)]
        with endpoint.connect() as client:
            stream = client.stream("sim/slow")
            stream.event()
            endpoint.kill()
            assert stream.rest()[-1] == b"[DONE]", "what runs finishes"
        _, alive = psutil.wait_procs(found, timeout=20)
        assert not alive
        assert [run.ending for run in endpoint.ledger.runs()] == ["clean", "clean"]


def test_what_is_wrong_at_the_start_is_told_once(tmp_path: Path, provider: ThreadedProvider) -> None:
    toml = toml_for(provider, server='host = "0.0.0.0"')
    with pytest.raises(
        AssertionError, match=r"(?s)exit status 1.*can be reached by others, and no key exists"
    ):
        RunningEndpoint(tmp_path, toml, "--workers", "2").start()


def test_a_rolling_restart_brings_what_cannot_change_otherwise(
    tmp_path: Path, provider: ThreadedProvider
) -> None:
    toml = toml_for(provider, server="max_body_bytes = 100_000")
    with RunningEndpoint(tmp_path, toml, "--workers", "2") as endpoint:
        endpoint.configure(toml.replace("100_000", "2_000").replace("[local]", 'data = "other"\n[local]', 1))
        until(lambda: endpoint.says("`server.max_body_bytes` stays"))
        with endpoint.connect() as client:
            assert client.chat("default", "x" * 5000).status == 200
        endpoint.send(signal.SIGUSR2)
        until(lambda: endpoint.says("all workers were replaced"))
        until(lambda: {one["state"] for one in workers(endpoint)} == {"ready"})  # the old ones are gone
        assert endpoint.says("`data` stays"), "that lasts as long as the supervisor"
        assert not (endpoint.folder / "other").exists()
        for _ in range(6):
            with endpoint.connect() as client:
                assert client.chat("default", "x" * 5000).status == 413
                assert client.get("/health/ready").status == 200


def test_a_worker_that_stands_still_holds_nobody_up(tmp_path: Path, provider: ThreadedProvider) -> None:
    """Its own connections have to wait, but new ones are taken by the others."""
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
        (victim, _) = processes(endpoint)
        os.kill(victim, signal.SIGSTOP)
        try:
            time.sleep(5.0)  # after three seconds without a sign of life
            for _ in range(30):
                with endpoint.connect() as client:
                    assert client.chat("default").status == 200
        finally:
            os.kill(victim, signal.SIGCONT)


def test_a_stop_during_a_rolling_restart_ends_old_and_new(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint:
        with endpoint.connect() as client, endpoint.connect() as second:
            streams = [client.stream("sim/slow"), second.stream("sim/slow")]
            for stream in streams:
                stream.event()
            endpoint.send(signal.SIGUSR2)
            until(lambda: any(one["state"] == "leaving" for one in workers(endpoint)))
            endpoint.send(signal.SIGTERM)
            for stream in streams:
                assert stream.rest()[-1] == b"[DONE]"
        assert endpoint.wait() == 0
        assert {run.ending for run in endpoint.ledger.runs()} == {"clean"}
        assert {stream.call for stream in streams} == on_record(endpoint)
        assert "Traceback" not in endpoint.log


def test_alone_there_is_nothing_to_replace(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider)) as endpoint:
        endpoint.send(signal.SIGUSR2)
        until(lambda: endpoint.says("WARNING", "nothing is replaced"))
        assert "workers" not in endpoint.health
        assert psutil.Process(endpoint.pid).children() == []
