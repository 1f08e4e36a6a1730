"""Files that a request names by URL, put into the request itself for a recipient that cannot fetch them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection, Iterator
from typing import Protocol, TypeVar

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.parts import Media, MediaKind, Message, ToolResult
from freehold.core.request import ChatRequest
from freehold.providers.fetch.embedded import is_data_url
from freehold.providers.fetch.fetcher import Fetched, Quota
from freehold.providers.fetch.settings import FetchSettings

P = TypeVar("P")
_File = tuple[str, MediaKind]
"""URL and kind: the same URL asked for as two kinds is looked at twice."""


_Found = dict[_File, tuple[str, str]]
"""The file's base64 and its MIME type."""


class FileFetcher(Protocol):
    """What gets a file: `providers.fetch.fetcher.Fetcher`."""

    settings: FetchSettings

    async def fetch(self, url: str, *, kinds: tuple[str, ...], quota: Quota | None = None) -> Fetched:
        """The file at `url`. Raises BadRequest."""


class Files:
    """The files that the requests of one call name. Each is fetched once, whoever is asked, and all of them together
    are bounded as those of one request.
    """

    def __init__(self, fetcher: FileFetcher) -> None:
        self._fetcher = fetcher
        self._quota = Quota(fetcher.settings.max_request_bytes)
        self._found: _Found = {}

    async def put_into(self, request: ChatRequest, wanted: Collection[MediaKind]) -> ChatRequest:
        """The request with the files of the kinds `wanted` in place of their URLs, and those of all `data:` URLs.

        The request itself stays as it is. Raises BadRequest for a file that cannot be had, Overloaded.
        """
        files = dict.fromkeys(_wanted_files(request, wanted))
        if not files:
            return request
        most = self._fetcher.settings.max_request_files
        if len(files) > most:
            raise BadRequest(f"The request names more than {most} files by URL.")
        missing = [file for file in files if file not in self._found]
        if missing:
            await self._fetch(missing)
        found = {file: self._found[file] for file in files}
        return msgspec.structs.replace(
            request, messages=[_filled_message(one, found) for one in request.messages]
        )

    def let_go(self) -> None:
        """None of them will be wanted again."""
        self._found.clear()

    async def _fetch(self, files: list[_File]) -> None:
        fetcher, limits = self._fetcher, self._fetcher.settings
        left = iter(files)

        async def work() -> None:
            for url, kind in left:
                file = await fetcher.fetch(url, kinds=(kind,), quota=self._quota)
                self._found[url, kind] = (base64.b64encode(file.data).decode("ascii"), file.mime_type)

        tasks = [asyncio.ensure_future(work()) for _ in range(min(len(files), limits.max_request_concurrent))]
        try:
            async with asyncio.timeout(limits.request_total):
                await asyncio.gather(*tasks)
        except TimeoutError:
            raise BadRequest(
                f"The files of the request took longer than {limits.request_total:g} s."
            ) from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _wanted_files(request: ChatRequest, wanted: Collection[MediaKind]) -> Iterator[_File]:
    for part in _media(request):
        if part.url is not None and (part.kind in wanted or is_data_url(part.url)):
            yield part.url, part.kind


def _media(request: ChatRequest) -> Iterator[Media]:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Media):
                yield part
            elif isinstance(part, ToolResult):
                yield from (inner for inner in part.content if isinstance(inner, Media))


def _filled_message(message: Message, found: _Found) -> Message:
    parts = [
        _filled_result(part, found) if isinstance(part, ToolResult) else _filled(part, found)
        for part in message.parts
    ]
    if all(new is old for new, old in zip(parts, message.parts, strict=True)):
        return message
    return msgspec.structs.replace(message, parts=parts)


def _filled_result(result: ToolResult, found: _Found) -> ToolResult:
    content = [_filled(part, found) for part in result.content]
    if all(new is old for new, old in zip(content, result.content, strict=True)):
        return result
    return msgspec.structs.replace(result, content=content)


def _filled(part: P, found: _Found) -> P:
    if not isinstance(part, Media) or part.url is None or (part.url, part.kind) not in found:
        return part
    data, mime_type = found[part.url, part.kind]
    return msgspec.structs.replace(part, url=None, data=data, mime_type=mime_type)
