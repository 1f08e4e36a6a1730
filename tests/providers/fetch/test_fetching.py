"""Fetching a file from a server: what is sent, what is taken, and where its limits are."""

from __future__ import annotations

import asyncio

import pytest
from byte_server import ByteServer, Do, whole
from fetching import PNG, PUBLIC, Detour, Names, loopback_fetcher, quick
from loops import Run, on_both_loops

from freehold.core.errors import BadRequest, Overloaded
from freehold.providers.fetch.fetcher import Fetcher, Quota

pytestmark = on_both_loops

PICTURE = whole(PNG, content_type=b"image/png")
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_picture_is_fetched(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([PICTURE]) as server, loopback_fetcher(server.port) as fetcher:
            url = f"http://127.0.0.1:{server.port}/a/ü.png?size=1#part"
            fetched = await fetcher.fetch(url, kinds=("image",))
            assert (fetched.data, fetched.mime_type) == (PNG, "image/png")
            assert fetched.url == f"http://127.0.0.1:{server.port}/a/%C3%BC.png?size=1"
            head = server.requests[0].decode().split("\r\n")
            assert head[0] == "GET /a/%C3%BC.png?size=1 HTTP/1.1"
            assert {line.split(":")[0] for line in head[1:] if line} == {
                "host", "user-agent", "accept", "accept-encoding", "connection",
            }  # fmt: skip
            assert "accept-encoding: identity" in head
            await server.all_ended()

    run(main())


def test_a_name_is_looked_up_once_and_its_very_address_connected_to(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([PICTURE]) as server:
            names = Names(pictures_example=[[PUBLIC], ["127.0.0.1"]])
            detour = Detour(server.port)
            fetcher = Fetcher(quick(), resolve=names, connect=detour)
            await fetcher.fetch("http://Pictures.Example/a.png", kinds=("image/png",))
            assert names.asked == ["pictures.example"]
            assert detour.wanted == [(PUBLIC, 80, "pictures.example")]
            assert b"\r\nhost: pictures.example\r\n" in server.requests[0]
            # The second time the name leads home: nothing is connected to.
            with pytest.raises(BadRequest, match=r"`pictures\.example` cannot be fetched"):
                await fetcher.fetch("http://pictures.example/a.png", kinds=("image/png",))
            assert len(detour.wanted) == 1

    run(main())


def test_redirects_are_followed_and_each_name_is_looked_up_anew(run: Run) -> None:
    async def main() -> None:
        hops = [
            whole(b"", b"location: /next?x=1", status=b"302 Found"),
            whole(b"", b"location: http://other.example/b", status=b"307 Temporary Redirect"),
            whole(b"", b"location: //third.example", status=b"308 Permanent Redirect"),
            PICTURE,
        ]
        async with ByteServer(*([hop] for hop in hops)) as server:
            names = Names(a_example=[[PUBLIC]], other_example=[[PUBLIC]], third_example=[[PUBLIC]])
            fetcher = Fetcher(quick(), resolve=names, connect=Detour(server.port))
            fetched = await fetcher.fetch("http://a.example/first", kinds=("image",))
            assert fetched.url == "http://third.example/"
            assert names.asked == ["a.example", "a.example", "other.example", "third.example"]
            assert len(server.connections) == 4

    run(main())


def test_all_addresses_of_a_name_are_tried_in_turn(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([PICTURE]) as server:
            right = Detour(server.port)

            async def connect(make, address, port, tls, name):  # type: ignore[no-untyped-def]
                if address == "8.8.8.8":
                    raise OSError("no way there")
                if address == "8.8.4.4":
                    await asyncio.sleep(9)
                return await right(make, address, port, tls, name)

            names = Names(a_example=[["8.8.8.8", "8.8.4.4", PUBLIC]])
            fetcher = Fetcher(quick(connect=0.3), resolve=names, connect=connect)
            assert (await fetcher.fetch("http://a.example/", kinds=("image",))).data == PNG
            assert right.wanted == [(PUBLIC, 80, "a.example")]

    run(main())


def test_only_so_many_at_one_time(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer([0.05, PICTURE]) as server,
            loopback_fetcher(server.port, max_concurrent=2) as fetcher,
        ):
            most = 0

            async def watch() -> None:
                nonlocal most
                while True:
                    most = max(most, server.open)
                    await asyncio.sleep(0.001)

            watching = asyncio.ensure_future(watch())
            url = f"http://127.0.0.1:{server.port}/"
            files = await asyncio.gather(*(fetcher.fetch(url, kinds=("image",)) for _ in range(6)))
            assert [one.data for one in files] == [PNG] * 6
            watching.cancel()
            assert 0 < most <= 3  # the server may see an end later than the next beginning

    run(main())


def test_whoever_waits_too_long_is_told(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer([Do.HOLD]) as server,
            loopback_fetcher(server.port, max_concurrent=1, total=0.3) as fetcher,
        ):
            url = f"http://127.0.0.1:{server.port}/"
            first = asyncio.ensure_future(fetcher.fetch(url, kinds=("image",)))
            await asyncio.sleep(0)
            slow = quick(total=0.05)
            fetcher.settings = slow
            with pytest.raises(Overloaded):
                await fetcher.fetch(url, kinds=("image",))
            with pytest.raises(BadRequest):
                await first

    run(main())


def test_a_quota_holds_for_all_files_together(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([PICTURE]) as server, loopback_fetcher(server.port) as fetcher:
            url = f"http://127.0.0.1:{server.port}/"
            quota = Quota(len(PNG) * 2)
            for _ in range(2):
                await fetcher.fetch(url, kinds=("image",), quota=quota)
            with pytest.raises(BadRequest, match="together"):
                await fetcher.fetch(url, kinds=("image",), quota=quota)
            with pytest.raises(BadRequest, match="together"):
                await fetcher.fetch("data:,hello", kinds=("document",), quota=quota)

    run(main())


def test_a_client_that_goes_away_ends_the_fetch(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([Do.HOLD]) as server, loopback_fetcher(server.port) as fetcher:
            task = asyncio.ensure_future(fetcher.fetch(f"http://127.0.0.1:{server.port}/", kinds=("image",)))
            await server.holds()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.all_ended()

    run(main())


def test_the_environment_changes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with ByteServer([PICTURE]) as server, loopback_fetcher(server.port) as fetcher:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, "http://127.0.0.1:9/")
            fetched = await fetcher.fetch(f"http://127.0.0.1:{server.port}/", kinds=("image",))
            assert fetched.data == PNG

    run(main())


def test_the_system_is_asked_for_names(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer([PICTURE]) as server,
            loopback_fetcher(allow=(f"localhost:{server.port}",)) as fetcher,
        ):
            fetched = await fetcher.fetch(f"http://localhost:{server.port}/", kinds=("image",))
            assert fetched.data == PNG

    run(main())
