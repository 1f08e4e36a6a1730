"""A request on its way to one model after the other: what it says and the files it names are looked up once."""

from __future__ import annotations

from collections.abc import Collection

from freehold.core.parts import MediaKind
from freehold.core.request import ChatRequest
from freehold.engine.aside import aside
from freehold.engine.inlining import FileFetcher, Files
from freehold.wire.request import Request


class Asked:
    """The request of one call. Nobody changes what it gives."""

    def __init__(self, request: Request, fetcher: FileFetcher | None) -> None:
        """Without a fetcher no file is put in."""
        self.request = request
        self._decoded: ChatRequest | None = None
        self._files = None if fetcher is None else Files(fetcher)

    def decoded(self) -> ChatRequest:
        """The whole request in the internal form. Raises BadRequest, which names the field."""
        if self._decoded is None:
            self._decoded = self.request.decoded()
        return self._decoded

    async def with_files(self, wanted: Collection[MediaKind]) -> ChatRequest:
        """The decoded request with the files of these kinds in place of their URLs. Raises BadRequest, Overloaded."""
        decoded = await aside(self.request.size, self.decoded)
        return decoded if self._files is None else await self._files.put_into(decoded, wanted)

    def let_go(self) -> None:
        """No further model will be asked."""
        self._decoded = None
        if self._files is not None:
            self._files.let_go()
