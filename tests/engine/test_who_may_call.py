"""Routes and keys: what is refused before any provider is asked."""

from __future__ import annotations

import pytest
from answers import GOOD_WHOLE, answer
from byte_server import ByteServer
from engines import WHOLE, stage_of
from loops import run_on_uvloop

from freehold.access.key import Key
from freehold.core.errors import BadRequest, Forbidden, FreeholdError, UnknownModel
from freehold.wire.request import read_chat_request

LIMITED = Key("key_1", "limited", "fh-ab12", 0, routes=frozenset({"r"}))
OPEN = Key("key_2", "open", "fh-cd34", 0)


def called(name: bytes) -> bytes:
    return WHOLE.replace(b'"r"', b'"%b"' % name)


@pytest.mark.parametrize(
    ("key", "body"),
    [(None, called(b"r")), (OPEN, called(b"r")), (LIMITED, called(b"r")), (OPEN, called(b"acme/any"))],
)
def test_calls_that_are_allowed(key: Key | None, body: bytes) -> None:
    async def main() -> None:
        async with ByteServer(GOOD_WHOLE) as server, stage_of({"acme": server}) as stage:
            assert (await stage.play(body, key=key)).data == answer()
            assert stage.record.key_id == (key.id if key else None)

    run_on_uvloop(main())


@pytest.mark.parametrize(
    ("key", "body", "error", "status"),
    [
        (LIMITED, called(b"acme/any"), Forbidden, 403),
        (LIMITED, called(b"unknown"), Forbidden, 403),
        (OPEN, called(b"unknown"), UnknownModel, 404),
        (None, called(b"other/any"), UnknownModel, 404),
        (OPEN, b"{", BadRequest, 400),
    ],
)
def test_calls_that_are_refused(
    key: Key | None, body: bytes, error: type[FreeholdError], status: int
) -> None:
    async def main() -> None:
        async with ByteServer(GOOD_WHOLE) as server, stage_of({"acme": server}) as stage:
            result = await stage.play(body, key=key)
            assert type(result.error) is error
            record = stage.record
            assert (record.outcome, record.status, record.error) == ("refused", status, error.code)
            assert (record.route, record.attempts, record.provider) == (None, [], None)
            assert record.request_body == body
            assert server.connections == []

    run_on_uvloop(main())


def test_a_call_keeps_the_runtime_it_began_with() -> None:
    async def main() -> None:
        async with (
            ByteServer(GOOD_WHOLE) as old,
            ByteServer(GOOD_WHOLE) as new,
            stage_of({"old": old}) as before,
            stage_of({"new": new}) as after,
        ):
            running = before.engine.begin("chat", "openai-chat", None)
            before.engine.runtime = after.engine.runtime
            request = read_chat_request(WHOLE)
            running.route_to(request)
            assert await running.ask(request) == answer()
            assert before.record.provider == "old"
            assert (await before.play(WHOLE)).data == answer()
            assert before.records[-1].provider == "new"

    run_on_uvloop(main())
