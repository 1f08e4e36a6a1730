"""Files named by URL are put into the request: which, how many, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
import pytest
from byte_server import ByteServer, Do, whole
from fetching import PNG, loopback_fetcher, quick

from freehold.core.errors import BadRequest
from freehold.core.parts import CacheMark, Media, Message, Text, ToolResult
from freehold.core.request import ChatRequest
from freehold.engine.inlining import Files
from freehold.providers.fetch.fetcher import Fetched, Fetcher, Quota

ENCODED = base64.b64encode(PNG).decode()


class Shelf:
    """Has a picture under every URL, and writes down what it was asked for."""

    def __init__(self, **limits: Any) -> None:
        self.settings = quick(**limits)
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.most = self._now = 0

    async def fetch(self, url: str, *, kinds: tuple[str, ...], quota: Quota | None = None) -> Fetched:
        self.asked.append((url, kinds))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(0.001)
            if url.endswith("bad"):
                raise BadRequest("bad")
            if url.endswith("slow"):
                await asyncio.sleep(60)
        finally:
            self._now -= 1
        assert quota is not None
        quota.spend(len(PNG))
        return Fetched(data=PNG, mime_type="image/png", url=url)


def asking(*parts: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=[Message(role="user", parts=list(parts))])


def picture(url: str, **fields: Any) -> Media:
    return Media(kind="image", url=url, **fields)


def test_the_wanted_kinds_are_put_in_and_all_else_stays() -> None:
    first = picture("https://a.example/1", detail="high", cache=CacheMark(), name="one")
    film, text = Media(kind="video", url="https://a.example/f"), Text(text="hello")
    result = ToolResult(call_id="c", content=[text, picture("https://a.example/1"), film])
    held = Media(kind="image", data="AAAA", mime_type="image/jpeg")
    request = ChatRequest(
        model="m",
        messages=[
            Message(role="system", parts=[text]),
            Message(role="user", parts=[first, film, held, text], name="me"),
            Message(role="tool", parts=[result]),
        ],
        seed=1,
    )
    before = msgspec.json.encode(request)
    shelf = Shelf()
    inlined = asyncio.run(Files(shelf).put_into(request, {"image"}))
    assert shelf.asked == [("https://a.example/1", ("image",))]
    assert msgspec.json.encode(request) == before
    filled = msgspec.structs.replace(first, url=None, data=ENCODED, mime_type="image/png")
    assert inlined.messages[1] == Message(role="user", parts=[filled, film, held, text], name="me")
    inner = inlined.messages[2].parts[0]
    assert isinstance(inner, ToolResult)
    assert inner.content == [text, Media(kind="image", data=ENCODED, mime_type="image/png"), film]
    assert inlined.messages[0] is request.messages[0]
    assert inlined.seed == 1


def test_nothing_to_do_is_nothing_done() -> None:
    request = asking(picture("https://a.example/1"), Text(text="x"))
    shelf = Shelf()
    assert asyncio.run(Files(shelf).put_into(request, ())) is request
    assert shelf.asked == []


def test_data_urls_are_always_put_in() -> None:
    async def main() -> None:
        fetcher = Fetcher(quick())
        request = asking(picture(f"data:image/jpeg;base64,{ENCODED}"), picture("https://a.example/x"))
        inlined = await Files(fetcher).put_into(request, ())
        assert inlined.messages[0].parts == [
            Media(kind="image", data=ENCODED, mime_type="image/png"),
            picture("https://a.example/x"),
        ]
        with pytest.raises(BadRequest, match="not image"):
            await Files(fetcher).put_into(asking(picture("data:,hello")), ())
        fetcher.close()

    asyncio.run(main())


def test_a_file_is_fetched_once_for_all_who_need_it() -> None:
    async def main() -> None:
        shelf = Shelf(max_request_bytes=len(PNG) * 2)
        files = Files(shelf)
        film = Media(kind="video", url="https://a.example/film")
        request = asking(picture("https://a.example/1"), film)
        assert await files.put_into(request, ()) is request
        once = await files.put_into(request, {"image"})
        again = await files.put_into(request, {"image", "video"})
        assert shelf.asked == [("https://a.example/1", ("image",)), ("https://a.example/film", ("video",))]
        assert once.messages[0].parts[1] is film
        data = [part.data for part in again.messages[0].parts if isinstance(part, Media)]
        assert data == [ENCODED, ENCODED]
        with pytest.raises(BadRequest, match="bytes together"):
            await files.put_into(asking(picture("https://a.example/2")), {"image"})

    asyncio.run(main())


def test_many_files_come_at_one_time_but_not_all() -> None:
    shelf = Shelf(max_request_concurrent=3)
    request = asking(*(picture(f"https://a.example/{at}") for at in range(10)))
    inlined = asyncio.run(Files(shelf).put_into(request, {"image"}))
    assert shelf.most == 3
    assert {part.data for part in inlined.messages[0].parts if isinstance(part, Media)} == {ENCODED}


def test_limits_hold_for_the_request_as_a_whole() -> None:
    many = asking(*(picture(f"https://a.example/{at}") for at in range(10)))
    with pytest.raises(BadRequest, match="more than 9 files"):
        asyncio.run(Files(Shelf(max_request_files=9)).put_into(many, {"image"}))
    shelf = Shelf(max_request_bytes=len(PNG) * 9)
    with pytest.raises(BadRequest, match="bytes together"):
        asyncio.run(Files(shelf).put_into(many, {"image"}))
    with pytest.raises(BadRequest, match=r"longer than 0\.1 s"):
        asyncio.run(
            Files(Shelf(request_total=0.1)).put_into(asking(picture("https://a.example/slow")), {"image"})
        )


def test_one_failure_ends_all() -> None:
    async def main() -> None:
        shelf = Shelf()
        with pytest.raises(BadRequest, match="bad"):
            await Files(shelf).put_into(
                asking(picture("https://a.example/slow"), picture("https://a.example/bad")), {"image"}
            )
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_cancelled_call_leaves_no_connection() -> None:
    async def main() -> None:
        async with ByteServer([Do.HOLD]) as server, loopback_fetcher(server.port) as fetcher:
            request = asking(*(picture(f"http://127.0.0.1:{server.port}/{at}") for at in range(3)))
            task = asyncio.ensure_future(Files(fetcher).put_into(request, {"image"}))
            await server.holds()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.all_ended()

    asyncio.run(main())


def test_a_real_server() -> None:
    async def main() -> None:
        async with ByteServer([whole(PNG)]) as server, loopback_fetcher(server.port) as fetcher:
            inlined = await Files(fetcher).put_into(
                asking(picture(f"http://127.0.0.1:{server.port}/")), {"image"}
            )
            assert inlined.messages[0].parts == [Media(kind="image", data=ENCODED, mime_type="image/png")]
            await server.all_ended()

    asyncio.run(main())
