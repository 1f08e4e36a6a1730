"""Both kinds of books, and a process that does business with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from valkey_server import PROGRAM, ValkeyServer

from freehold.core.clock import SystemClock
from freehold.limits.account import Counter, Settlement
from freehold.limits.batch import Batch, Books, Done, Standing, Verdict, Want
from freehold.limits.filed import FiledBooks
from freehold.limits.shared import ServerClock, SharedBooks

SECOND = 1_000_000
START = 1_900_000_000 * SECOND


class Customer:
    """One process. It says only what it is told to."""

    def __init__(self, books: Books, name: str) -> None:
        self.books = books
        self.name = name
        self.number = 0

    async def do(
        self,
        now_us: int,
        *wants: tuple[Want, ...],
        settle: dict[Counter, tuple[int, int]] | None = None,
        expire: dict[Counter, int] | None = None,
        raises: dict[Counter, int] | None = None,
        truth: dict[Counter, int] | None = None,
        spares: dict[Counter, int] | None = None,
        beat: bool = False,
        leave: bool = False,
        filled: str = "",
    ) -> Done:
        """One batch. `settle`: what was held, and what it was."""
        settlements = {}
        for counter, (amount, actual) in (settle or {}).items():
            settlements[self.name, counter] = one = Settlement()
            one.add(amount, actual)
        self.number += 1
        return await self.books.do(
            Batch(
                owner=self.name,
                number=self.number,
                now_us=now_us,
                settlements=settlements,
                expirations=expire or {},
                raises=raises or {},
                truth=truth,
                spares=spares or {},
                wants=list(wants),
                beat=beat,
                leave=leave,
                filled=filled,
            )
        )

    async def reserve(self, now_us: int, *wants: Want) -> Verdict:
        """Set all of it aside."""
        return (await self.do(now_us, wants)).verdicts[0]

    async def standing(self, counter: Counter, now_us: int) -> Standing:
        """How a counter stands."""
        (found,) = (one for one in await self.books.standings(now_us) if one.name == counter.name)
        assert found.balanced, found
        return found


@pytest.fixture(scope="module", name="valkey")
def run_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A server for the tests of one module."""
    if PROGRAM is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    pytest.importorskip("valkey", reason="the client for Valkey is not installed")
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as running:
        yield running


Opener = Callable[[], AbstractAsyncContextManager[Books]]


@pytest.fixture(params=["file", "server"], name="open_books")
def give_books(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same books each time, as another process would."""
    if request.param == "file":

        @asynccontextmanager
        async def in_file() -> AsyncIterator[Books]:
            books = FiledBooks(tmp_path / "limits.db", boot="one")
            try:
                yield books
            finally:
                await books.close()

        return in_file
    server: ValkeyServer = request.getfixturevalue("valkey")

    @asynccontextmanager
    async def at_server() -> AsyncIterator[Books]:
        books = SharedBooks(server.url, ServerClock(SystemClock(), follow=False), prefix=tmp_path.name)
        try:
            yield books
        finally:
            await books.close()

    return at_server
