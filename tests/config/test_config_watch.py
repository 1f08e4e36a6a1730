"""Edits while the endpoint runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import Finding
from freehold.config.settings import Settings
from freehold.config.watch import Watch
from freehold.core.errors import FreeholdError, SettingsError


def edition(number: int) -> str:
    """A file that can be told from other editions of it."""
    return f'[providers.mine]\nbase_url = "http://127.0.0.1:1/v{number}"\n'


def number_of(settings: Settings) -> int:
    """The edition that was read; 0 when there is none in it."""
    mine = settings.providers.get("mine")
    return int(str(mine.base_url).rpartition("v")[2]) if mine else 0


QUICK = {"interval": 0.02, "settle": 0.02, "grace": 0.15}


class Endpoint:
    """Stands where the application does: remembers what it was told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.applied: list[Settings] = []
        self.refused: list[SettingsError] = []
        self.restarts: list[tuple[Finding, ...]] = []
        self.environ = {"OPENAI_API_KEY": "key"}
        self.failure: FreeholdError | None = None
        self.reads = 0

    def reload(self) -> Settings:
        self.reads += 1
        return load(self.path, self.environ)

    def apply(self, settings: Settings) -> None:
        if self.failure:
            raise self.failure
        self.applied.append(settings)

    def watch(self, **times: float) -> Watch:
        return Watch(
            self.path,
            load(self.path, self.environ),
            reload=self.reload,
            apply=self.apply,
            refuse=self.refused.append,
            restart=self.restarts.append,
            **(QUICK | times),  # type: ignore[arg-type]
        )


@contextlib.asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.06)  # the first look
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def rest() -> None:
    """Long enough for anything that is going to happen to have happened."""
    await asyncio.sleep(0.4)


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    path = tmp_path / "freehold.toml"
    path.write_text(edition(10))
    return Endpoint(path)


def go(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(bounded())


def test_an_edit_is_applied_once(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        async with running(watch):
            endpoint.path.write_text(edition(20))
            await until(lambda: endpoint.applied)
            await rest()
        assert [number_of(settings) for settings in endpoint.applied] == [20]
        assert number_of(watch.current) == 20
        assert endpoint.refused == []

    go(scene)


def test_an_edit_between_reading_and_watching_is_not_missed(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        endpoint.path.write_text(edition(20))
        async with running(watch):
            await until(lambda: endpoint.applied)

    go(scene)


def test_nothing_is_read_or_applied_while_nothing_changes(endpoint: Endpoint) -> None:
    async def scene() -> None:
        async with running(endpoint.watch()):
            reads = endpoint.reads
            await rest()
            assert endpoint.reads == reads
            endpoint.path.touch()
            await until(lambda: endpoint.reads > reads)
            await rest()
        assert endpoint.applied == []

    go(scene)


def test_an_invalid_edit_keeps_the_old_settings_and_says_why(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        async with running(watch):
            before = watch.current
            endpoint.path.write_text(edition(20).replace("base_url", "bsae_url"))
            await until(lambda: endpoint.refused)
            await rest()
            assert [error.where for error in endpoint.refused] == [f"{endpoint.path}:2"]
            assert watch.current is before
            endpoint.path.write_text(edition(30))
            await until(lambda: endpoint.applied)
        assert number_of(endpoint.applied[0]) == 30

    go(scene)


def test_an_editor_that_replaces_the_file(endpoint: Endpoint) -> None:
    async def scene() -> None:
        async with running(endpoint.watch()):
            for number in (21, 22):
                fresh = endpoint.path.with_suffix(".new")
                fresh.write_text(edition(number))
                os.utime(fresh, (1_000_000_000, 1_000_000_000))
                fresh.replace(endpoint.path)
                await until(lambda: len(endpoint.applied) == number - 20)  # noqa: B023 - waited for at once
        assert [number_of(settings) for settings in endpoint.applied] == [21, 22]

    go(scene)


def test_an_editor_that_deletes_and_creates(endpoint: Endpoint) -> None:
    async def scene() -> None:
        async with running(endpoint.watch()):
            endpoint.path.unlink()
            await asyncio.sleep(0.06)
            endpoint.path.write_text(edition(20))
            await until(lambda: endpoint.applied)
            await rest()
        assert endpoint.refused == []
        assert len(endpoint.applied) == 1

    go(scene)


def test_a_file_that_stays_away_is_reported_and_its_settings_kept(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        async with running(watch):
            endpoint.path.unlink()
            await until(lambda: endpoint.refused)
            await rest()
            assert len(endpoint.refused) == 1
            assert "is gone" in endpoint.refused[0].message
            assert number_of(watch.current) == 10
            endpoint.path.write_text(edition(20))
            await until(lambda: endpoint.applied)

    go(scene)


def test_a_file_that_is_written_in_pieces(endpoint: Endpoint) -> None:
    text = edition(20) + '[routes.chat]\nincumbent = "local/smollm2-135m"\n'

    async def scene() -> None:
        async with running(endpoint.watch(settle=0.3)):
            with endpoint.path.open("w") as file:
                for letter in text:
                    file.write(letter)
                    file.flush()
                    await asyncio.sleep(0.005)
            await until(lambda: endpoint.applied)
            await rest()
        assert endpoint.refused == []
        assert [sorted(settings.routes) for settings in endpoint.applied] == [["chat", "default", "embed"]]

    go(scene)


def test_a_file_that_is_empty_for_a_moment_is_not_taken_for_an_empty_file(endpoint: Endpoint) -> None:
    async def scene() -> None:
        async with running(endpoint.watch()):
            endpoint.path.write_text("")
            await asyncio.sleep(0.08)
            endpoint.path.write_text(edition(20))
            await until(lambda: endpoint.applied)
            assert [number_of(settings) for settings in endpoint.applied] == [20]
            endpoint.path.write_text("")
            await until(lambda: len(endpoint.applied) == 2)
        assert number_of(endpoint.applied[-1]) == 0

    go(scene)


def test_a_secret_that_is_replaced_counts_as_an_edit(endpoint: Endpoint) -> None:
    async def scene() -> None:
        secret = endpoint.path.with_name("key")
        secret.write_text("first")
        secret.chmod(0o600)
        endpoint.path.write_text('[providers.openai]\napi_key = "file:key"\n')
        async with running(endpoint.watch()):
            secret.write_text("second")
            await until(lambda: endpoint.applied)
        key = endpoint.applied[0].providers["openai"].api_key
        assert key is not None
        assert key.reveal() == "second"

    go(scene)


def test_a_secret_that_comes_later_than_its_reference(endpoint: Endpoint) -> None:
    async def scene() -> None:
        async with running(endpoint.watch()):
            endpoint.path.write_text('[providers.openai]\napi_key = "file:key"\n')
            await until(lambda: endpoint.refused)
            endpoint.path.with_name("key").write_text("late")
            await until(lambda: endpoint.applied)

    go(scene)


def test_a_poke_looks_at_once(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch(interval=60.0)
        async with running(watch):
            endpoint.path.write_text(edition(20))
            await rest()
            assert endpoint.applied == []
            watch.poke()
            await until(lambda: endpoint.applied)

    go(scene)


def test_what_cannot_change_while_running_is_reported_and_kept(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        async with running(watch):
            more = 'data = "other"\n[server]\nport = 9\n[ledger]\nbodies = false\nflush_ms = 100\n'
            endpoint.path.write_text(more + edition(20))
            await until(lambda: endpoint.applied)
            await rest()
        (findings,) = endpoint.restarts
        assert [finding.key for finding in findings] == ["data", "server.port", "ledger.flush_ms"]
        assert findings[1].message == (
            "`server.port` stays `8484`: it cannot change to `9` while the endpoint runs."
        )
        assert watch.current.server.port == 8484
        assert watch.current.data == endpoint.path.parent / ".freehold"
        assert watch.current.ledger.flush_ms == 250
        assert not watch.current.ledger.bodies
        assert number_of(watch.current) == 20

    go(scene)


def test_only_a_restart_would_help(endpoint: Endpoint) -> None:
    async def scene() -> None:
        async with running(endpoint.watch()):
            endpoint.path.write_text("[server]\nport = 9\n" + edition(10))
            await until(lambda: endpoint.restarts)
            await rest()
        assert endpoint.applied == []
        assert len(endpoint.restarts) == 1

    go(scene)


def test_an_edit_that_is_taken_back_is_told_as_well(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        async with running(watch):
            before = watch.current
            endpoint.path.write_text("nonsense")
            await until(lambda: endpoint.refused)
            endpoint.path.write_text(edition(10))
            await until(lambda: endpoint.applied)
            await rest()
        assert endpoint.applied == [before]

    go(scene)


def test_settings_that_cannot_be_used_after_all_leave_the_old_ones(endpoint: Endpoint) -> None:
    async def scene() -> None:
        watch = endpoint.watch()
        async with running(watch):
            endpoint.failure = FreeholdError("No room.")
            endpoint.path.write_text(edition(20))
            await until(lambda: endpoint.refused)
            assert "No room." in endpoint.refused[0].message
            assert number_of(watch.current) == 10
            endpoint.failure = None
            watch.poke()
            await until(lambda: endpoint.applied)

    go(scene)


def test_a_file_that_did_not_exist_at_first(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path / "freehold.toml")

    async def scene() -> None:
        async with running(endpoint.watch()):
            await rest()
            assert endpoint.refused == []
            endpoint.path.write_text(edition(20))
            await until(lambda: endpoint.applied)
            endpoint.path.unlink()
            await until(lambda: endpoint.refused)

    go(scene)
