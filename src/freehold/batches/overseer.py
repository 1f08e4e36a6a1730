"""Files and batches as administrators see them: those of every key. Methods wait for the disk unless they are async."""

from __future__ import annotations

import asyncio

from freehold.batches.records import Batch, StoredFile
from freehold.batches.shelf import Row, Shelf
from freehold.batches.work import Work
from freehold.core.errors import BadRequest, NotFound


class Overseer:
    """Sees everything on the shelf, and can end what is being worked on."""

    def __init__(self, shelf: Shelf, work: Work) -> None:
        self._shelf = shelf
        self._work = work

    def batches(self, limit: int, after: str | None = None) -> list[Batch]:
        """Newest first. `after`: only older ones than this."""
        return [self._work.current(batch) for batch in self._page(Batch, limit, after)]

    def files(self, limit: int, after: str | None = None) -> list[StoredFile]:
        """Newest first. `after`: only older ones than this."""
        return self._page(StoredFile, limit, after)

    def batch(self, name: str) -> Batch:
        """One of them. Raises NotFound."""
        return self._work.current(self._one(Batch, name, "batch"))

    def file(self, name: str) -> StoredFile:
        """One of them. Raises NotFound."""
        return self._one(StoredFile, name, "file")

    async def cancel(self, name: str) -> Batch:
        """Begin no further line of a batch. Raises NotFound, BadRequest when it has ended."""
        batch = await asyncio.to_thread(self.batch, name)
        if batch.ended:
            raise BadRequest(f"A batch that is {batch.status} cannot be cancelled.")
        return await self._work.cancel(batch)

    def delete_file(self, name: str) -> None:
        """Take a file away; a batch that is made of it goes on. Raises NotFound."""
        self._shelf.delete_file(self.file(name).id)

    def _page(self, kind: type[Row], limit: int, after: str | None) -> list[Row]:
        return self._shelf.page_of(kind, limit, after) if self._shelf.exists else []

    def _one(self, kind: type[Row], name: str, what: str) -> Row:
        found = self._shelf.one_of(kind, name) if self._shelf.exists else None
        if found is None:
            raise NotFound(f"No {what} is called `{name[:100]}`.")
        return found
