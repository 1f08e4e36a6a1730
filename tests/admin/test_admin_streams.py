"""Exports end with their client, and the databases are let go of only when nothing reads them any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from freehold.access.admin_keys import AdminKeys
from freehold.access.audit import AuditLog
from freehold.access.keys import Keys
from freehold.admin.api import Api
from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.settings import AdminSettings
from freehold.core.clock import SystemClock
from freehold.core.errors import ClientGone


class Reading:
    """An export that says where it is, and where it was ended."""

    def __init__(self) -> None:
        self.makes_a_piece = threading.Event()
        self.may_go_on = threading.Event()
        self.ended_in: str | None = None

    def export(self, _office: Office, _asked: Asked) -> Generator[bytes, None, None]:
        try:
            yield b"first"
            self.makes_a_piece.set()
            assert self.may_go_on.wait(20)
            yield b"second"
            yield b"third"
        finally:
            self.ended_in = threading.current_thread().name


class Closing:
    """What the API was handed, which says when it is let go of."""

    def __init__(self, kind: object) -> None:
        self._kind = kind
        self.closed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def stores(tmp_path: Path) -> Generator[tuple[Api, Closing, AdminKeys]]:
    with ExitStack() as stack:
        path = tmp_path / "access.db"
        keys = stack.enter_context(closing(Keys(path, tmp_path / "secret")))
        admins = stack.enter_context(closing(AdminKeys(path, keys.digest)))
        audit = Closing(stack.enter_context(closing(AuditLog(path))))
        office = cast(Office, SimpleNamespace(keys=keys, admin_keys=admins, audit=audit))
        yield Api(office, AdminSettings(), SystemClock().tick), audit, admins


async def never() -> Any:
    await asyncio.Event().wait()


def asked(api: Api, admins: AdminKeys, reading: Reading, send: Any) -> Any:
    operation = Operation(
        method="GET",
        path="/exports/it",
        least="viewer",
        summary="",
        act=reading.export,
        media="application/jsonl",
    )
    who = admins.create("alice", "owner", by="test")[0]
    scope = {"freehold.administrator": who, "path_params": {}, "query_string": b"", "headers": []}
    return api.answer(operation, scope, never, send)


def test_an_export_ends_in_its_thread_when_sending_fails(
    stores: tuple[Api, Closing, AdminKeys],
) -> None:
    async def run() -> None:
        api, _, admins = stores
        reading = Reading()

        async def send(message: Any) -> None:
            if message.get("body"):
                raise ClientGone("It hung up.")

        with pytest.raises(ClientGone):
            await asked(api, admins, reading, send)
        assert str(reading.ended_in).startswith("admin")
        await api.close()

    asyncio.run(run())


def test_what_is_being_read_is_read_to_its_end_before_anything_is_let_go_of(
    stores: tuple[Api, Closing, AdminKeys],
) -> None:
    async def run() -> None:
        api, audit, admins = stores
        reading = Reading()

        async def send(_message: Any) -> None:
            pass

        request = asyncio.ensure_future(asked(api, admins, reading, send))
        assert await asyncio.to_thread(reading.makes_a_piece.wait, 20)
        request.cancel()
        await asyncio.sleep(0.05)
        end = asyncio.ensure_future(api.close())
        await asyncio.sleep(0.2)
        assert not audit.closed.is_set()
        assert reading.ended_in is None
        reading.may_go_on.set()
        await end
        assert audit.closed.is_set()
        with suppress(asyncio.CancelledError):
            await request
        assert str(reading.ended_in).startswith("admin")

    asyncio.run(run())
