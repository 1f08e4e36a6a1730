"""Local models share a memory budget: who was not asked for longest makes room, and nobody who is answering."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from local_files import file_model
from local_models import local_models, sdk
from tiny_gguf import write_tiny_model

from freehold.core.errors import FreeholdError, ProviderError
from freehold.providers.local.memory import need_of
from freehold.providers.local.models import MODELS, LocalModel, weights_of
from freehold.providers.local.processes import LocalModels

pytestmark = pytest.mark.model

ANSWER = 600
"""Tokens: a few seconds of the tiny model, on a busy machine half a minute."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("files") / "tiny.gguf")


def three(file: Path) -> list[LocalModel]:
    return [file_model(name, file) for name in ("one", "two", "three")]


async def state(models: LocalModels, id_: str, wanted: str) -> None:
    async with asyncio.timeout(20):
        while models.states()[id_] != wanted:
            await asyncio.sleep(0.01)


def answer(address: tuple[str, str], tokens: int = 1) -> int:
    with sdk(address) as client:
        usage = client.chat.completions.create(
            model="x",
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=tokens,
            extra_body={"ignore_eos": True},
        ).usage
    assert usage is not None
    return usage.completion_tokens


def use(model: LocalModel, address: tuple[str, str]) -> None:
    """Ask for a bit more than nothing, so that what it works with is there."""
    if not model.embeds:
        answer(address, 8)
        return
    with sdk(address) as client:
        client.embeddings.create(model="x", input=["A river runs through it."] * 16)


def test_who_was_not_asked_for_longest_makes_room(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        need = need_of(three(file)[0], file)
        async with local_models(tmp_path, *three(file), memory=2 * need + need // 2) as models:
            await models.address_of("local/one")
            await models.address_of("local/two")
            await models.address_of("local/one")
            assert models.states() == {"local/one": "ready", "local/two": "ready", "local/three": "idle"}
            address = await models.address_of("local/three")
            assert models.states() == {"local/one": "ready", "local/two": "idle", "local/three": "ready"}
            assert await asyncio.to_thread(answer, address) == 1
            assert len(models.processes()) == 2

    asyncio.run(main())


def test_nobody_goes_who_is_answering(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        one, two, _ = three(file)
        async with local_models(tmp_path, one, two, memory=need_of(one, file) * 3 // 2) as models:
            first = await models.address_of("local/one")
            answering = asyncio.create_task(asyncio.to_thread(answer, first, ANSWER))
            await asyncio.sleep(0.2)
            second = await models.address_of("local/two")
            assert answering.done(), "it was waited for"
            assert await answering == ANSWER
            assert await asyncio.to_thread(answer, second) == 1
            assert models.states() == {"local/one": "idle", "local/two": "ready"}

    asyncio.run(main())


def test_who_waits_for_room_for_a_model_that_is_taken_away_is_told(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        one, two, _ = three(file)
        memory = need_of(one, file) * 3 // 2
        async with local_models(tmp_path, one, two, memory=memory) as models:
            first = await models.address_of("local/one")
            answering = asyncio.create_task(asyncio.to_thread(answer, first, ANSWER))
            await asyncio.sleep(0.2)
            waiting = asyncio.create_task(models.address_of("local/two"))
            await asyncio.sleep(0)
            models.take_over({one.id: one}, memory=memory, idle=None)
            assert await answering == ANSWER
            with pytest.raises(ProviderError, match="not served any more"):
                await waiting
            assert len(models.processes()) <= 1

    asyncio.run(main())


def test_a_model_that_nobody_asks_for_goes_and_comes_back(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with local_models(tmp_path, file_model("one", file), idle=1.0) as models:
            address = await models.address_of("local/one")
            pid = models.processes()["local/one"]
            assert await asyncio.to_thread(answer, address, ANSWER) == ANSWER, "a long answer is not idleness"
            await state(models, "local/one", "idle")
            async with asyncio.timeout(5):
                while psutil.pid_exists(pid):
                    await asyncio.sleep(0.01)
            assert await asyncio.to_thread(answer, await models.address_of("local/one")) == 1

    asyncio.run(main())


def test_a_model_that_never_fits_is_refused_at_once(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        need = need_of(file_model("one", file), file)
        async with local_models(tmp_path, file_model("one", file), memory=need - 1) as models:
            with pytest.raises(ProviderError) as caught:
                await models.address_of("local/one")
            assert caught.value.code == "local_model_too_large"
            assert "MB" in caught.value.message
            assert "`memory` in `[local]`" in str(caught.value.hint)
            assert models.processes() == {}

    asyncio.run(main())


def test_a_file_that_is_replaced_is_loaded_anew(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        copy = tmp_path / "model.gguf"
        copy.write_bytes(file.read_bytes())
        async with local_models(tmp_path, file_model("one", copy)) as models:
            address = await models.address_of("local/one")
            answering = asyncio.create_task(asyncio.to_thread(answer, address, ANSWER))
            old = models.processes()["local/one"]
            await asyncio.sleep(0.2)
            write_tiny_model(tmp_path / "draft", seed=1).rename(copy)
            new = await models.address_of("local/one")
            assert models.processes()["local/one"] != old
            assert await asyncio.to_thread(answer, new) == 1
            assert await answering == ANSWER, "who waited for the old one was answered by it"

            copy.unlink()
            assert await models.address_of("local/one") == new, "what is loaded stays"
            copy.write_bytes(b"no model")
            with pytest.raises(ProviderError) as caught:
                await models.address_of("local/one")
            assert caught.value.code == "local_model_damaged"
            assert models.states() == {"local/one": "failed"}
            write_tiny_model(tmp_path / "draft").rename(copy)
            assert await asyncio.to_thread(answer, await models.address_of("local/one")) == 1

    asyncio.run(main())


def test_other_models_take_over_at_once(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        one, two, _ = three(file)
        async with local_models(tmp_path, one) as models:
            address = await models.address_of("local/one")
            answering = asyncio.create_task(asyncio.to_thread(answer, address, ANSWER))
            await asyncio.sleep(0.2)
            models.take_over({two.id: two}, memory=None, idle=None)
            assert models.states() == {"local/two": "idle"}
            with pytest.raises(FreeholdError, match="There is no model `local/one`"):
                await models.address_of("local/one")
            assert await asyncio.to_thread(answer, await models.address_of("local/two")) == 1
            assert await answering == ANSWER

    asyncio.run(main())


@pytest.mark.parametrize("id_", MODELS)
def test_the_estimate_of_an_embedded_model_is_what_it_takes(id_: str, tmp_path: Path) -> None:
    async def main() -> None:
        model = MODELS[id_]
        weights = weights_of(model)
        assert weights is not None
        async with local_models(tmp_path) as models:
            address = await models.address_of(id_)
            await asyncio.to_thread(use, model, address)
            taken = psutil.Process(models.processes()[id_]).memory_info().rss
        estimated = need_of(model, weights)
        assert 0.8 * taken < estimated < 1.5 * taken, (taken, estimated)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda good: b"", "is empty"),
        (lambda good: b"PK\3\4" + good[4:], "is no GGUF file: it begins with b'PK"),
        (lambda good: good[:4] + b"\x09" + good[5:], "of version 9"),
        (lambda good: good[:8] + b"\xff" * 16 + good[24:], "larger than the file"),
        (lambda good: good[:200], "is cut off within its table of contents"),
        (lambda good: good[: len(good) // 2], "is cut off: its tensor"),
        (lambda good: good[:-1000], "is cut off: its tensor"),
    ],
    ids=["empty", "magic", "version", "counts", "beginning", "half", "end"],
)
def test_a_damaged_file_is_said_to_be_one(damage: object, said: str, file: Path, tmp_path: Path) -> None:
    assert callable(damage)

    async def main() -> None:
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(damage(file.read_bytes()))
        async with local_models(tmp_path, file_model("one", broken)) as models:
            for _ in range(2):
                with pytest.raises(ProviderError) as caught:
                    await models.address_of("local/one")
                assert caught.value.code == "local_model_damaged"
                assert said in caught.value.message
                assert str(broken) in caught.value.message
            assert models.states() == {"local/one": "failed"}
            assert said in models.reasons()["local/one"]
            async with asyncio.timeout(10):
                while models.processes():
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_file_that_is_not_there_is_absent_until_it_is(file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        late = tmp_path / "late.gguf"
        async with local_models(tmp_path, file_model("one", late)) as models:
            assert models.states() == {"local/one": "absent"}
            with pytest.raises(ProviderError) as caught:
                await models.address_of("local/one")
            assert caught.value.code == "local_model_absent"
            assert str(late) in caught.value.message
            os.link(file, late)
            assert await asyncio.to_thread(answer, await models.address_of("local/one")) == 1

    asyncio.run(main())
