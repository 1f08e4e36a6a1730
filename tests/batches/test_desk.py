"""Batches whose time is over, journals that were cut, and space that is used up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import Stage, stage_of
from loops import run_on_uvloop

from freehold.access.key import Key
from freehold.batches.asking import Asker
from freehold.batches.desk import Desk
from freehold.batches.journal import Journal
from freehold.batches.settings import BatchSettings
from freehold.batches.shelf import Shelf
from freehold.batches.usage import Used
from freehold.batches.work import Work
from freehold.core.clock import SystemClock
from freehold.core.errors import BadRequest, NotFound, Overloaded
from freehold.engine.conversations import Conversations
from freehold.ledger.record import Call
from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider

KEY = Key("key_1", "test", "fh-test", 0)
Answer = dict[str, Any]


def on_a_loop(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """The test as pytest can run it."""

    def run(tmp_path: Path) -> None:
        run_on_uvloop(test(tmp_path))

    return run


class OneKey:
    def good(self, key_id: str) -> Key | None:
        return KEY if key_id == KEY.id else None


class NoMemory:
    def recall(self, call_id: str) -> Call | None:
        return None

    def recent(self, key_id: str | None, limit: int) -> list[str]:
        return []

    def forget(self, call_id: str) -> None:
        raise AssertionError


def desk_at(folder: Path, stage: Stage, *, lifetime: float = 60.0, **settings: Any) -> Desk:
    chosen = BatchSettings(**{"concurrency": 2, **settings})
    shelf = Shelf(folder, max_bytes=chosen.max_bytes)
    asker = Asker(stage.engine, OneKey(), Conversations(NoMemory(), limit=1000))
    clock = SystemClock()
    work = Work(shelf, asker, clock, concurrency=chosen.concurrency, longest_line=1_000_000)
    return Desk(shelf, work, clock, chosen, lifetime=lifetime)


@asynccontextmanager
async def playing(**behaviour: Any) -> AsyncIterator[Stage]:
    script = Script(models={"sim-model": Behaviour(text=Echo(), **behaviour)})
    async with SimulatedProvider(script) as provider, stage_of({"sim": provider.base_url}) as stage:
        yield stage


def lines(count: int) -> bytes:
    return b"\n".join(
        json.dumps(
            {
                "custom_id": f"line-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "r", "messages": [{"role": "user", "content": "hi"}]},
            }
        ).encode()
        for number in range(count)
    )


async def uploaded(desk: Desk, data: bytes, expires_after: int | None = None) -> str:
    draft = await desk.begin_upload()
    await desk.write(draft, data)
    file = await desk.keep(draft, KEY, name="in", purpose="batch", expires_after=expires_after)
    await desk.discard(draft)
    return str(json.loads(file)["id"])


async def begun(desk: Desk, count: int) -> str:
    wanted = {
        "input_file_id": await uploaded(desk, lines(count)),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    body = json.dumps(wanted).encode()
    return str(json.loads(await desk.create_batch(body, KEY, strict=False, keep_bodies=True))["id"])


async def ended(desk: Desk, batch_id: str) -> Answer:
    async with asyncio.timeout(20):
        while True:
            batch: Answer = json.loads(await desk.show_batch(batch_id, KEY))
            if batch["status"] in ("completed", "expired", "cancelled", "failed"):
                return batch
            await asyncio.sleep(0.01)


async def content(desk: Desk, file_id: str) -> list[Mapping[str, Any]]:
    found = await desk.read_file(file_id, KEY)
    data = b"".join([piece async for piece in found.pieces])
    assert len(data) == found.size
    return [json.loads(line) for line in data.splitlines()]


@on_a_loop
async def test_what_is_left_when_the_time_is_over_expires(tmp_path: Path) -> None:
    async with playing(headers_s=0.2) as stage:
        desk = desk_at(tmp_path, stage, lifetime=0.5)
        batch = await ended(desk, await begun(desk, 30))
        assert batch["status"] == "expired"
        assert batch["expired_at"] is not None
        output = await content(desk, batch["output_file_id"])
        errors = await content(desk, batch["error_file_id"])
        assert 2 <= len(output) <= 10
        assert len(output) + len(errors) == 30
        assert {line["error"]["code"] for line in errors} == {"batch_expired"}
        assert all(line["response"] is None for line in errors)
        assert batch["request_counts"] == {"total": 30, "completed": len(output), "failed": len(errors)}
        await desk.stop()


@on_a_loop
async def test_a_file_may_be_deleted_while_its_batch_runs(tmp_path: Path) -> None:
    async with playing(headers_s=0.05) as stage:
        desk = desk_at(tmp_path, stage)
        batch_id = await begun(desk, 6)
        batch = json.loads(await desk.show_batch(batch_id, KEY))
        await desk.delete_file(batch["input_file_id"], KEY)
        assert (await ended(desk, batch_id))["request_counts"]["completed"] == 6
        await desk.stop()


@on_a_loop
async def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with playing(headers_s=0.05) as stage:
        desk = desk_at(tmp_path, stage)
        batch_id = await begun(desk, 12)
        while json.loads(await desk.show_batch(batch_id, KEY))["request_counts"]["completed"] < 4:
            await asyncio.sleep(0.01)
        await desk.stop()
        assert [record.outcome for record in stage.records].count("failed") <= 2
        journal = tmp_path / "batches" / "runs" / batch_id / "output.jsonl"
        whole = journal.read_bytes()
        journal.write_bytes(whole[:-5])  # the machine ended while the last line was being written
        again = desk_at(tmp_path, stage)
        await again.start()
        batch = await ended(again, batch_id)
        output = await content(again, batch["output_file_id"])
        names = [line["custom_id"] for line in output]
        assert sorted(names) == sorted(f"line-{number}" for number in range(12))
        assert batch["request_counts"] == {"total": 12, "completed": 12, "failed": 0}
        told = [line["response"]["body"]["usage"]["total_tokens"] for line in output]
        assert batch["usage"]["total_tokens"] == sum(told) > 0
        later = desk_at(tmp_path, stage)
        assert json.loads(await later.show_batch(batch_id, KEY))["usage"] == batch["usage"]
        await later.stop()
        await again.stop()


@on_a_loop
async def test_space_is_bounded(tmp_path: Path) -> None:
    async with playing() as stage:
        desk = desk_at(tmp_path, stage, max_bytes=1_000_000)
        await uploaded(desk, b"x" * 999_000)
        await uploaded(desk, b"x" * 2000)
        with pytest.raises(Overloaded):
            await desk.begin_upload()
        await desk.stop()


@on_a_loop
async def test_old_files_and_batches_go(tmp_path: Path) -> None:
    async with playing() as stage:
        desk = desk_at(tmp_path, stage)
        batch_id = await begun(desk, 1)
        batch = await ended(desk, batch_id)
        shelf = desk._shelf
        shelf.tidy(desk._now_us() - 10_000_000, 5_000_000)
        assert json.loads(await desk.show_batch(batch_id, KEY))["status"] == "completed"
        shelf.tidy(desk._now_us() + 10_000_000, 5_000_000)
        with pytest.raises(NotFound):
            await desk.show_batch(batch_id, KEY)
        with pytest.raises(NotFound):
            await desk.show_file(batch["output_file_id"], KEY)
        assert not list((tmp_path / "batches" / "files").iterdir())
        await desk.stop()


@on_a_loop
async def test_a_file_goes_when_its_time_has_come(tmp_path: Path) -> None:
    async with playing() as stage:
        desk = desk_at(tmp_path, stage)
        short, long = await uploaded(desk, lines(1), 1), await uploaded(desk, lines(1), 3600)
        tidying = asyncio.create_task(desk.tidy())
        wanted = {"input_file_id": short, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        lifetime = {"output_expires_after": {"anchor": "created_at", "seconds": 3600}}
        body = json.dumps({**wanted, **lifetime}).encode()
        made = json.loads(await desk.create_batch(body, KEY, strict=False, keep_bodies=True))
        batch = await ended(desk, made["id"])
        assert batch["status"] == "completed"
        output = json.loads(await desk.show_file(batch["output_file_id"], KEY))
        assert output["expires_at"] == output["created_at"] + 3600
        files = tmp_path / "batches" / "files"
        async with asyncio.timeout(10):
            while (files / short).exists():
                await asyncio.sleep(0.02)
        with pytest.raises(NotFound):
            await desk.show_file(short, KEY)
        listed = await desk.list_files(KEY, purpose=None, after=None, limit=10, ascending=False)
        assert {file["id"] for file in json.loads(listed)["data"]} == {long, output["id"]}
        with pytest.raises(BadRequest, match="No file"):
            await desk.create_batch(body, KEY, strict=False, keep_bodies=True)
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)
        desk._shelf.tidy(desk._now_us() + 3_601_000_000, 86_400_000_000)
        assert not list(files.iterdir())
        await desk.stop()


@on_a_loop
async def test_nobody_is_promised_a_longer_life_than_files_have(tmp_path: Path) -> None:
    async with playing() as stage:
        desk = desk_at(tmp_path, stage, keep_days=1)
        with pytest.raises(BadRequest, match="1 days") as caught:
            await uploaded(desk, b"{}", 86_401)
        assert caught.value.param == "expires_after"
        wanted = {
            "input_file_id": await uploaded(desk, lines(1), 86_400),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "output_expires_after": {"anchor": "created_at", "seconds": 86_401},
        }
        with pytest.raises(BadRequest) as caught:
            await desk.create_batch(json.dumps(wanted).encode(), KEY, strict=False, keep_bodies=True)
        assert caught.value.param == "output_expires_after"
        await desk.stop()


CHAT_USAGE = (
    b'{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":2}}'
)
RESPONSE_USAGE = (
    b'{"input_tokens":5,"output_tokens":3,"total_tokens":8,"output_tokens_details":{"reasoning_tokens":1}}'
)


@pytest.mark.parametrize(
    ("endpoint", "usage", "sums"),
    [
        ("/v1/chat/completions", CHAT_USAGE, (10, 4, 6, 0, 16)),
        ("/v1/responses", RESPONSE_USAGE, (10, 0, 6, 2, 16)),
        ("/v1/embeddings", b'{"prompt_tokens":5,"total_tokens":5}', (10, 0, 0, 0, 10)),
    ],
)
def test_usage_is_added_up_and_unknown_is_not_zero(
    endpoint: str, usage: bytes, sums: tuple[int, ...]
) -> None:
    used = Used(endpoint)
    line = b'{"custom_id":"a","response":{"status_code":200,"body":{"usage":%b}},"error":null}'
    used.add(line % usage)
    used.add(line % usage)
    told = json.loads(used.told() or "")
    assert sums == (
        told["input_tokens"],
        told["input_tokens_details"]["cached_tokens"],
        told["output_tokens"],
        told["output_tokens_details"]["reasoning_tokens"],
        told["total_tokens"],
    )
    used.add(line % b"null")
    assert used.told() is None
    used.add(line % usage)
    assert used.told() is None


def test_a_journal_ends_where_a_line_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"custom_id":"a"}\n{"custom_id":"b"}\n\0\0\0\n{"custom_id":"c"}\n')
    journal = Journal(path)
    assert (journal.lines, journal.done) == (2, {"a", "b"})
    journal.add("d", b'{"custom_id":"d"}')
    journal.close()
    journal.close()
    assert path.read_bytes() == b'{"custom_id":"a"}\n{"custom_id":"b"}\n{"custom_id":"d"}\n'
