"""B1.8: memory that only grows, clients that were closed under calls, doors that stood open, and silent defaults.

Two of the threads are tests elsewhere: live clients that were closed by a clean-up
(https://docs.litellm.ai/blog/httpx-cache-eviction-incident) in `tests/gateway/test_endpoint_reload.py`, and headers
with keys in logs (https://docs.litellm.ai/blog/guardrail-logging-secret-exposure-incident) in
`tests/gateway/test_endpoint_secrets.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import psutil
import pytest
from databases import rows
from load import Load
from many_calls import call_many
from plain_client import CHAT, EMBEDDINGS, chat_request
from rehearsing import PLAIN, placed, rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Lorem, Refused, Script, ThreadedProvider

SCRIPT = Script(
    models={
        "slow": Behaviour(text=Lorem(tokens=500), tokens_per_s=100.0),
        "ill": Behaviour(faults=(Refused(status=500),)),
        "*": Behaviour(text="Yes."),
    }
)
MEBI = 1 << 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, PLAIN, "--new-key") as stage:
        yield stage


@pytest.fixture
def endpoint(running: tuple[RunningEndpoint, ThreadedProvider]) -> RunningEndpoint:
    return running[0]


@pytest.fixture
def provider(running: tuple[RunningEndpoint, ThreadedProvider]) -> ThreadedProvider:
    running[1].forget()
    return running[1]


def status_of(endpoint: RunningEndpoint, key: str, model: str = "chat") -> int:
    with endpoint.connect(key) as client:
        return client.chat(model).status


# Memory


def test_memory_and_files_do_not_grow_with_calls(
    endpoint: RunningEndpoint, show: Callable[[str], None]
) -> None:
    """https://github.com/BerriAI/litellm/issues/27954: all memory there was, within a day or two;
    https://github.com/BerriAI/litellm/issues/25219: killed for it, over and over. Here: long requests that are all
    different, half of them streamed, others whose clients leave, and failures.
    """
    process = psutil.Process(endpoint.pid)
    text = secrets.token_urlsafe(30_000)

    def go_on() -> tuple[int, int, int]:
        with Load(endpoint.url, endpoint.key, model="chat", text=text, rate=400.0) as load:
            left = call_many(
                [endpoint.url],
                endpoint.key,
                calls=40,
                concurrent=20,
                body=chat_request("acme/slow"),
                give_up=1.0,
            )
            failed = call_many(
                [endpoint.url], endpoint.key, calls=40, concurrent=20, body=chat_request("acme/ill")
            )
            asyncio.run(left)
            assert asyncio.run(failed).statuses == {502: 40}
            load.until_done(300)
        assert load.broken == []
        until(lambda: endpoint.figures["freehold_calls_active"] == 0)
        until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)
        return process.memory_info().rss, process.num_fds(), process.num_threads()

    go_on()
    before = go_on()
    go_on()
    after = go_on()
    show(f"memory: {before[0] / MEBI:.1f} MB, and {after[0] / MEBI:.1f} MB after 760 calls more")
    assert after[0] - before[0] < 10 * MEBI, "what was said in them alone is 24 MB"
    assert after[1] <= before[1] + 12
    assert after[2] <= before[2] + 2


# Keys


def test_a_key_is_all_of_its_characters(endpoint: RunningEndpoint) -> None:
    """https://docs.litellm.ai/blog/security-hardening-april-2026 (CVE-2026-35030): who had been let in was
    remembered by the first twenty characters of the token, and so was whoever came with the same.
    """
    good = endpoint.make_key("good")
    assert status_of(endpoint, good) == 200, "it has just been used"
    other = "A" if good[-1] != "A" else "B"
    for wrong in (good[:20] + "A" * (len(good) - 20), good[:-1] + other, good[:-1], good + "A", good[:20]):
        assert status_of(endpoint, wrong) == 401
    assert status_of(endpoint, good) == 200


def test_what_is_kept_of_a_key_is_no_key(endpoint: RunningEndpoint) -> None:
    """https://docs.litellm.ai/blog/security-hardening-april-2026: keys were kept as SHA-256 without a salt, and
    what was kept could be sent in place of the key.
    """
    key = endpoint.make_key("hashed")
    assert status_of(endpoint, key) == 200
    plain = hashlib.sha256(key.encode())
    kept = b"".join(file.read_bytes() for file in endpoint.data.glob("access.db*"))
    for known in (key.encode(), key[10:].encode(), plain.digest(), plain.hexdigest().encode()):
        assert known not in kept
    digests = [
        bytes(row[0]) for row in rows(endpoint.data / "access.db", "SELECT digest FROM keys", "access")
    ]
    assert digests
    for digest in digests:
        for token in (
            digest.hex(),
            base64.b64encode(digest).decode(),
            base64.urlsafe_b64encode(digest).decode().rstrip("="),
            f"fh-{digest.hex()}",
        ):
            assert status_of(endpoint, token) == 401


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_key_for_calls_changes_nothing_else(method: str, endpoint: RunningEndpoint) -> None:
    """https://docs.litellm.ai/blog/security-hardening-april-2026 (CVE-2026-35029): whoever had any key could
    rewrite the configuration through `/config/update`.
    """
    key = endpoint.make_key("ordinary", numbered=True)
    before, keys = endpoint.file.read_text(), endpoint.get("/v1/models", key=key).body
    for path in (
        "/config/update",
        "/v1/config",
        "/admin/v1/config",
        "/admin/v1/keys",
        "/key/generate",
        "/user/new",
    ):
        with endpoint.connect(key) as client:
            answer = client.send(method, path, {"routes": {"chat": "acme/ill"}})
        assert answer.status in (401, 403, 404, 405), path
    assert endpoint.file.read_text() == before
    assert endpoint.get("/v1/models", key=key).body == keys
    assert status_of(endpoint, key) == 200


# Silent defaults


def edit(endpoint: RunningEndpoint, provider: ThreadedProvider, toml: str) -> None:
    """Replace the configuration, and wait until it has been looked at."""
    known = len(endpoint.log)
    endpoint.configure(placed(toml, provider))
    endpoint.send(signal.SIGHUP)
    until(lambda: endpoint.says("in force", since=known))


def test_a_model_that_is_new_today_can_be_called_today(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://docs.litellm.ai/blog/anthropic-wildcard-model-access-incident: keys for all of a provider's models
    were refused the newest one, for the list behind the wildcard had not been brought up to date.
    """
    everything = endpoint.make_key("everything")
    routes = endpoint.make_key("routes", routes=frozenset({"chat"}))
    assert status_of(endpoint, everything, "acme/released-today") == 200
    assert status_of(endpoint, routes, "acme/released-today") == 403
    edit(endpoint, provider, PLAIN.replace('incumbent = "acme/m"', 'incumbent = "acme/released-today"'))
    assert status_of(endpoint, routes) == 200
    assert provider.requests[-1].model == "released-today"
    edit(endpoint, provider, PLAIN)


def test_a_price_that_is_none_is_told_and_the_old_one_holds(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://docs.litellm.ai/blog/model-cost-map-incident: a price list that could not be read was replaced by an
    old copy, without a word. Here prices come with the package or from the configuration, and never from a network.
    """

    def cost() -> Decimal | None:
        with endpoint.connect() as client:
            return endpoint.recorded(client.chat("chat").call).cost.amount

    usual = cost()
    assert usual
    for wrong in ('"cheap"', "-1", "nan"):
        edit(endpoint, provider, PLAIN.replace("input = 1\n", f"input = {wrong}\n"))
        assert endpoint.health["parts"]["configuration"].startswith("an edit was not taken"), wrong
        assert endpoint.figures["freehold_configuration_ok"] == 0
        assert cost() == usual
    assert endpoint.says("ERROR", "not in force", "acme/m"), endpoint.log
    words = [sys.executable, "-m", "freehold", "up", "--port", "0"]
    done = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0, "and nobody starts with it"
    assert "acme/m" in done.stderr
    edit(endpoint, provider, PLAIN.replace("input = 1\n", "input = 2\n"))
    dearer = cost()
    assert dearer is not None
    assert dearer > usual
    edit(endpoint, provider, PLAIN)


@pytest.mark.parametrize("path", [EMBEDDINGS, CHAT])
def test_what_a_client_does_not_say_is_not_said_for_it(
    path: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://docs.litellm.ai/blog/vllm-embeddings-incident: `encoding_format: null` was put into requests that had
    said nothing of it, and vLLM refused them.
    """
    said = {"input": "x"} if path == EMBEDDINGS else {"messages": [{"role": "user", "content": "x"}]}
    with endpoint.connect() as client:
        assert client.post(path, {"model": "acme/any", **said}).status == 200
    assert msgspec.json.decode(provider.requests[-1].body) == {"model": "any", **said}
    if path == EMBEDDINGS:
        with endpoint.sdk() as sdk:
            sdk.embeddings.create(model="acme/any", input="x", encoding_format="float")
        assert msgspec.json.decode(provider.requests[-1].body)["encoding_format"] == "float"


def test_files_of_the_endpoint_hold_no_key_in_plain(endpoint: RunningEndpoint) -> None:
    """https://docs.litellm.ai/blog/security-hardening-april-2026: nothing on the disk lets anybody in."""
    key = endpoint.make_key("on the disk")
    assert status_of(endpoint, key) == 200
    files = [file for file in Path(endpoint.data).rglob("*") if file.is_file()]
    assert len(files) >= 3
    assert all(key.encode() not in file.read_bytes() for file in files)
