"""Servers that mean harm: redirects home, endless and lying bodies, silence, and what would tell of a network."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from byte_server import LAST_CHUNK, ByteServer, Do, chunk, whole
from fetching import PNG, PUBLIC, Detour, Names, loopback_fetcher, quick
from loops import Run, on_both_loops

from freehold.core.errors import BadRequest
from freehold.providers.fetch.fetcher import Fetcher

pytestmark = on_both_loops

PICTURE = whole(PNG, content_type=b"image/png")
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:{port}/",
        "http://[::1]/",
        "http://home.example/",
        "//10.0.0.1/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://other.example/",
        "data:image/png;base64,AAAA",
        "http://user@other.example/",
        "http://other.example\\@10.0.0.1/",
        "/a\tb",
        "",
    ],
)
def test_a_redirect_leads_to_no_place_that_is_not_allowed(run: Run, location: str) -> None:
    async def main() -> None:
        hop = [b"HTTP/1.1 302 Found\r\nlocation: ", b"\r\ncontent-length: 0\r\n\r\n"]
        async with ByteServer([]) as server:
            server.answers = [[hop[0] + location.format(port=server.port).encode() + hop[1]], [PICTURE]]
            names = Names(a_example=[[PUBLIC]], other_example=[[PUBLIC]], home_example=[["10.0.0.1"]])
            detour = Detour(server.port)
            fetcher = Fetcher(quick(), resolve=names, connect=detour)
            with pytest.raises(BadRequest, match=r"The file at `a\.example` cannot be fetched"):
                await fetcher.fetch("http://a.example/", kinds=("image",))
            assert len(detour.wanted) == 1

    run(main())


def test_redirects_come_to_an_end(run: Run) -> None:
    async def main() -> None:
        loop = whole(b"", b"location: /again", status=b"301 Moved Permanently")
        async with ByteServer([loop]) as server, loopback_fetcher(server.port) as fetcher:
            with pytest.raises(BadRequest, match="more than 3 redirects"):
                await fetcher.fetch(f"http://127.0.0.1:{server.port}/", kinds=("image",))
            assert len(server.requests) == 4

    run(main())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([whole(PNG + bytes(100_000))], "larger than 100000 bytes"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n", Do.HOLD], "cannot be fetched"),
        ([CHUNKED, chunk(PNG), *[chunk(bytes(50_000))] * 4], "larger than"),
        ([UNTIL_THE_END, PNG, Do.FLOOD], "larger than"),
        ([whole(PNG)[:-5], 0.02, Do.END], "broke off"),
        ([CHUNKED, chunk(PNG), 0.02, Do.END], "broke off"),
        ([CHUNKED, chunk(PNG), 0.02, Do.RESET], "broke off"),
        ([whole(gzip.compress(PNG * 9), b"content-encoding: gzip")], "comes compressed"),
        ([whole(b"x", b"content-encoding: br, identity")], "comes compressed"),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", chunk(b"x"), LAST_CHUNK], "compressed"),
        ([whole(b"gone", status=b"404 Not Found")], "status 404"),
        ([whole(PNG, status=b"206 Partial Content")], "status 206"),
        ([whole(PNG, status=b"500 No")], "status 500"),
        ([whole(b"<!DOCTYPE html><p>Log in", content_type=b"image/png")], "is text/html, and not image"),
        ([whole(b"%PDF-1.7\n", content_type=b"image/png")], "is application/pdf, and not image"),
        ([whole(b"<svg xmlns='x'/>", content_type=b"image/svg+xml")], "is text/plain, and not image"),
        ([whole(b"", content_type=b"image/png")], "of no known type"),
        ([b"HTTP/1.1 200 OK\r\n", *[b"x-b: " + b"z" * 8000 + b"\r\n"] * 99], "cannot be fetched"),
        ([*[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 9000, Do.HOLD], "cannot be fetched"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n", Do.HOLD], "cannot be fetched"),
        ([Do.RESET], "cannot be fetched"),
        ([Do.END], "cannot be fetched"),
        ([Do.HOLD], "cannot be fetched"),
        ([b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", Do.HOLD], "cannot be fetched"),
        ([CHUNKED, 0.02, chunk(b"\x89"), Do.HOLD], "took longer"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", b"x", 0.05, b"x", 0.05, Do.HOLD], "took longer"),
    ],
)  # fmt: skip
def test_servers_that_mean_harm(run: Run, answer: list[bytes | float | Do], said: str) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server, loopback_fetcher(server.port, total=0.4) as fetcher:
            async with asyncio.timeout(3):
                with pytest.raises(BadRequest, match=said) as caught:
                    await fetcher.fetch(f"http://127.0.0.1:{server.port}/p?secret=1", kinds=("image",))
            assert "127.0.0.1" in caught.value.message
            assert "secret" not in str(caught.value)
            await server.all_ended()

    run(main())


def test_a_slow_drip_ends_with_the_time_for_the_whole(run: Run) -> None:
    async def main() -> None:
        drip = [CHUNKED, chunk(PNG), *[step for _ in range(200) for step in (chunk(b"x"), 0.02)]]
        async with ByteServer(drip) as server, loopback_fetcher(server.port, total=0.3) as fetcher:
            loop = asyncio.get_running_loop()
            start = loop.time()
            with pytest.raises(BadRequest, match=r"took longer than 0\.3 s"):
                await fetcher.fetch(f"http://127.0.0.1:{server.port}/", kinds=("image",))
            assert 0.29 < loop.time() - start < 1
            await server.all_ended()

    run(main())


def test_a_flood_is_not_taken_in(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer([UNTIL_THE_END, Do.FLOOD]) as server,
            loopback_fetcher(server.port, max_bytes=1_000_000) as fetcher,
        ):
            with pytest.raises(BadRequest, match="larger than 1000000"):
                await fetcher.fetch(f"http://127.0.0.1:{server.port}/", kinds=("image",))
            await server.all_ended()
            assert server.connections[0].taken < 20_000_000

    run(main())


def test_nothing_tells_apart_what_is_closed_silent_or_not_allowed(run: Run) -> None:
    async def main() -> None:
        async def never(host: str, port: int) -> list[str]:
            await asyncio.sleep(60)
            return []

        said = set()
        async with ByteServer([Do.HOLD]) as silent, ByteServer([b"+OK redis\r\n"]) as other:
            for resolve, connect in (
                (Names(a_example=[["10.0.0.1"]]), Detour(silent.port)),
                (Names(a_example=[[PUBLIC, "::1"]]), Detour(silent.port)),
                (Names(a_example=[[PUBLIC]]), Detour()),
                (Names(a_example=[[PUBLIC]]), Detour(silent.port)),
                (Names(a_example=[[PUBLIC]]), Detour(other.port)),
                (Names(a_example=[[]]), Detour(silent.port)),
                (Names(a_example=[["::ffff:10.0.0.1"]]), Detour(silent.port)),
                (Names(a_example=[["not an address"]]), Detour(silent.port)),
                (Names(), Detour(silent.port)),
                (never, Detour(silent.port)),
            ):
                fetcher = Fetcher(quick(total=0.4), resolve=resolve, connect=connect)
                with pytest.raises(BadRequest) as caught:
                    await fetcher.fetch("http://a.example/", kinds=("image",))
                said.add((type(caught.value), str(caught.value), caught.value.code, caught.value.status))
            fetcher = Fetcher(quick())
            for url in ("http://a.example:22/", "http://a.example:0/", "http://a.example:99999/"):
                with pytest.raises(BadRequest) as caught:
                    await fetcher.fetch(url, kinds=("image",))
                words = str(caught.value).replace(url[7:-1], "a.example")
                said.add((type(caught.value), words, caught.value.code, caught.value.status))
            fetcher.close()
        assert len(said) == 1

    run(main())


def test_a_length_that_is_too_short_cuts_the_file(run: Run) -> None:
    async def main() -> None:
        answer = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PNG), PNG + b"more"]
        async with ByteServer(answer) as server, loopback_fetcher(server.port) as fetcher:
            fetched = await fetcher.fetch(f"http://127.0.0.1:{server.port}/", kinds=("image",))
            assert fetched.data == PNG

    run(main())
