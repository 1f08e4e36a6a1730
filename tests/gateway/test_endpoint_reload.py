"""The configuration is edited while the endpoint runs: no call is lost, and a wrong edit changes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from load import Load
from plain_client import Answer
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Echo, Lorem, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    models={
        "old": Behaviour(text="From the old one."),
        "new": Behaviour(text="From the new one."),
        "slow": Behaviour(text=Lorem(tokens=80), tokens_per_s=20.0),
        "slow whole": Behaviour(text="At last.", first_token_s=3.0),
        "*": Behaviour(text=Echo()),
    }
)
IN_FORCE = "the changed configuration is in force"
NOT_IN_FORCE = "the edited configuration is not in force"


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture
def plain(provider: ThreadedProvider) -> str:
    """A configuration with one provider and one route."""
    return f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/old"
"""


@pytest.fixture
def endpoint(tmp_path: Path, plain: str) -> Iterator[RunningEndpoint]:
    with RunningEndpoint(tmp_path, plain) as running:
        yield running


def edit(endpoint: RunningEndpoint, toml: str) -> None:
    """Replace the configuration, and wait until it is in force."""
    known = len(endpoint.log)
    endpoint.configure(toml)
    until(lambda: endpoint.says(IN_FORCE, since=known))


def ask(endpoint: RunningEndpoint, model: str = "default") -> Answer:
    with endpoint.connect() as client:
        return client.chat(model)


def text_of(answer: Answer) -> str:
    assert answer.status == 200, answer
    return str(answer.json()["choices"][0]["message"]["content"])


def test_no_call_is_lost(endpoint: RunningEndpoint, plain: str, show: Callable[[str], None]) -> None:
    with Load(endpoint.url, endpoint.key) as load:
        load.until_done(50)
        for route, model in (("first", "old"), ("second", "new"), ("third", "old")):
            changed = plain.replace("sim/old", f"sim/{model}")
            # The provider is another one each time, so that its connections change as well.
            changed = changed.replace(
                "[providers.sim]", f"[providers.sim]\nheaders = {{ x-edit = '{route}' }}"
            )
            edit(endpoint, f'{changed}[routes.{route}]\nincumbent = "sim/new"\n')
            assert text_of(ask(endpoint, route)) == "From the new one."
            load.until_done(50)
        load.stop()
    assert load.broken == []
    assert {one.status for one in load.done} == {200}
    assert ask(endpoint, "first").status == 404, "what the newest edit left out is gone"
    answered = {one.call for one in load.done}
    until(lambda: answered <= {entry.call.id for entry in endpoint.ledger.export()})
    show(f"edited three times under load: {len(load.done)} calls, none lost, p99 {load.slowest_ms():.1f} ms")


def test_what_runs_on_a_removed_provider_finishes(
    endpoint: RunningEndpoint, plain: str, provider: ThreadedProvider
) -> None:
    """Elsewhere the client of a provider was closed under its calls, six days long, when it was cleared out of a cache:
    https://docs.litellm.ai/blog/httpx-cache-eviction-incident.
    """
    other = f'{plain}[providers.other]\nbase_url = "{provider.base_url}"\n'
    edit(endpoint, other + '[routes.slow]\nincumbent = "other/slow"\nfallbacks = ["other/new"]\n')
    with endpoint.connect() as client, endpoint.connect() as second:
        stream = client.stream("slow")
        stream.event()
        second.begin_chat("other/slow whole")
        until(lambda: provider.requests[-1].model == "slow whole")
        edit(endpoint, plain)
        assert ask(endpoint, "slow").status == 404
        assert ask(endpoint, "other/slow").status == 404
        events = stream.rest()
        assert events[-1] == b"[DONE]"
        assert len(events) == 80 + 2
        assert text_of(second.finish()) == "At last."
    call = endpoint.recorded(stream.call).call
    assert (call.outcome, call.provider, call.route) == ("answered", "other", "slow")
    provider.until(lambda one: one.connections.open <= 2)


def test_a_wrong_edit_changes_nothing_and_is_told(endpoint: RunningEndpoint, plain: str) -> None:
    changed = plain.replace("sim/old", "sim/new")
    endpoint.configure(changed + '[routes.more]\nincumbent = "smi/old"\n')
    until(lambda: endpoint.says("ERROR", NOT_IN_FORCE))
    assert endpoint.says("ERROR", NOT_IN_FORCE, "freehold.toml:", "Did you mean `sim"), endpoint.log
    health = endpoint.health
    assert health["ready"] is True
    assert health["parts"]["configuration"].startswith("an edit was not taken: ")
    assert endpoint.figures["freehold_configuration_ok"] == 0
    assert text_of(ask(endpoint)) == "From the old one."
    edit(endpoint, changed)
    assert endpoint.health["parts"]["configuration"] == "ok"
    assert endpoint.figures["freehold_configuration_ok"] == 1
    assert text_of(ask(endpoint)) == "From the new one."


def test_a_file_written_bit_by_bit_is_taken_when_it_is_whole(endpoint: RunningEndpoint, plain: str) -> None:
    changed = plain.replace("sim/old", "sim/new")
    with endpoint.file.open("w") as file:
        for piece in (changed[:30], changed[30:90], changed[90:]):
            file.write(piece)
            file.flush()
            time.sleep(0.4)  # a slow editor is what is tested
    until(lambda: endpoint.says(IN_FORCE))
    assert text_of(ask(endpoint)) == "From the new one."
    assert not endpoint.says(NOT_IN_FORCE)


def test_sighup_looks_at_what_the_eye_cannot_see(endpoint: RunningEndpoint, plain: str) -> None:
    """The same size, the same time, the same file: only who is asked to look finds the change."""
    before = endpoint.file.stat()
    with endpoint.file.open("r+") as file:
        file.write(plain.replace("sim/old", "sim/new"))
    os.utime(endpoint.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    endpoint.send(signal.SIGHUP)
    until(lambda: endpoint.says(IN_FORCE))
    assert text_of(ask(endpoint)) == "From the new one."
    with Load(endpoint.url, endpoint.key, rate=100, connections=4) as load:
        for _ in range(3):
            endpoint.send(signal.SIGHUP)
            load.until_done(20)
    assert load.broken == []
    assert {one.status for one in load.done} == {200}


def test_a_providers_key_is_changed_while_it_runs(tmp_path: Path) -> None:
    with SimulatedProvider.in_thread(Script(key="sk-first", models={"*": Behaviour(text="In.")})) as locked:
        key = tmp_path / "provider.key"
        key.write_text("sk-first\n")
        key.chmod(0o600)
        toml = f"""
[local]
enabled = false
[providers.sim]
base_url = "{locked.base_url}"
api_key = "file:provider.key"
[routes.default]
incumbent = "sim/m"
"""
        with RunningEndpoint(tmp_path, toml) as endpoint:
            assert text_of(ask(endpoint)) == "In."
            locked.play(Script(key="sk-second", models={"*": Behaviour(text="In again.")}))
            assert ask(endpoint).status == 502
            key.write_text("sk-second\n")
            until(lambda: endpoint.says(IN_FORCE))
            assert text_of(ask(endpoint)) == "In again."


def test_what_cannot_change_while_it_runs_is_told(endpoint: RunningEndpoint, plain: str) -> None:
    changed = plain.replace("sim/old", "sim/new").replace("flush_ms = 10", "flush_ms = 20")
    edit(endpoint, changed + "[server]\nport = 1\nmax_calls = 1\n")
    for name in ("server.max_calls", "ledger.flush_ms"):
        assert endpoint.says("WARNING", f"`{name}` stays", "Restart Freehold."), endpoint.log
    assert text_of(ask(endpoint)) == "From the new one.", "the rest is in force"
    with endpoint.connect() as client, endpoint.connect() as second:
        stream = client.stream("sim/slow")
        stream.event()
        assert text_of(second.chat("default")) == "From the new one."
        stream.leave()


def test_keeping_bodies_is_switched_while_it_runs(endpoint: RunningEndpoint, plain: str) -> None:
    assert endpoint.recorded(ask(endpoint).call).call.answer_body is not None
    edit(endpoint, plain.replace("flush_ms = 10", "flush_ms = 10\nbodies = false"))
    assert endpoint.recorded(ask(endpoint).call).call.answer_body is None


def test_a_configuration_whose_limits_cannot_be_counted_changes_nothing_at_all(
    endpoint: RunningEndpoint, plain: str
) -> None:
    """Not even that providers are left alone, which is known of the process and not of its routes."""
    health = "[health]\nenabled = {}\n"
    pair = '[providers.sick]\nbase_url = "http://127.0.0.1:9/v1"\n'
    pair += '[routes.pair]\nincumbent = "sick/m"\nfallbacks = ["sim/m"]\n'
    edit(endpoint, plain + pair + health.format("false"))
    books = endpoint.data / "limits.db"
    books.mkdir()
    limit = '[limits.all]\non = "organisation"\nper = "day"\nrequests = 1\n'
    endpoint.configure(plain + pair + health.format("true") + limit)
    until(lambda: endpoint.says("ERROR", NOT_IN_FORCE, "could not be used"))
    for _ in range(8):  # more than it takes to leave a provider alone
        entry = endpoint.recorded(ask(endpoint, "pair").call)
        assert [attempt.provider for attempt in entry.call.attempts] == ["sick", "sim"]
    books.rmdir()
    endpoint.configure(plain + pair + health.format("true") + limit + "\n")
    until(books.is_file)
    until(lambda: ask(endpoint).status == 429)
