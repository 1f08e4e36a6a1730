"""Where files and batches are handed in and asked after: the door of this room."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from freehold.access.key import Key
from freehold.batches import anthropic_form, openai_form
from freehold.batches.overseer import Overseer
from freehold.batches.records import Batch, Form, StoredFile, new_file_id
from freehold.batches.settings import BatchSettings
from freehold.batches.shelf import INPUT, Row, Shelf, place
from freehold.batches.work import Work
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import BadRequest, BodyTooLarge, NotFound, StoreError
from freehold.core.ids import new_id
from freehold.store.lock import ProcessLock

log = logging.getLogger("freehold.batches")

T = TypeVar("T")

LIFETIME_SECONDS = 24 * 3600.0
_TIDY_SECONDS = 3600.0
_TURN_SECONDS = 1.0
_OLD_SECONDS = 3600.0
"""After which nobody goes on with an upload."""
_LATE_SECONDS = 0.05
"""After a file's time has come: so that it has for certain."""
_DAY_US = 86_400_000_000
_PIECE = 256 * 1024
_MOST_FILES = 10_000
_MOST_BATCHES = 100
_LONGEST_NAME = 255


class Draft:
    """A file that is being uploaded."""

    def __init__(self, path: Path, most: int) -> None:
        self.path = path
        self.size = 0
        self._most = most
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        """Append. Raises BodyTooLarge. Waits for the disk."""
        self.size += len(data)
        if self.size > self._most:
            raise BodyTooLarge(f"The file is over {self._most} bytes.", param="file")
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def close(self, *, keep: bool) -> None:
        """The end of it: on the disk, or gone."""
        if self._file >= 0:
            if keep:
                os.fsync(self._file)
            os.close(self._file)
            self._file = -1
        if not keep:
            self.path.unlink(missing_ok=True)


class Content(msgspec.Struct):
    """A file on its way to a client."""

    size: int
    pieces: AsyncGenerator[bytes, None]


class Desk:
    """Files and batches of every key. What belongs to one key does not exist for others."""

    def __init__(
        self,
        shelf: Shelf,
        work: Work,
        clock: Clock,
        settings: BatchSettings,
        *,
        lifetime: float = LIFETIME_SECONDS,
        turn: ProcessLock | None = None,
    ) -> None:
        """`lifetime`: seconds that a batch has before what is left of it expires. `turn`: of several processes, the one
        that has it works batches off, and tidies up; None: this is the only one.
        """
        self._turn = turn
        self._shelf = shelf
        self._work = work
        self._clock = clock
        self._settings = settings
        self._lifetime_us = int(lifetime * 1_000_000)

    @property
    def overseer(self) -> Overseer:
        """For administrators, who see what is every key's."""
        return Overseer(self._shelf, self._work)

    @property
    def max_file_bytes(self) -> int:
        """Of an upload."""
        return self._settings.max_file_bytes

    async def start(self) -> None:
        """Go on with the batches that had not ended when the process did. Raises StoreError."""
        if not self._shelf.exists or self._turn is not None:
            return
        await self._do(self._shelf.clear_drafts)
        for batch in await self._do(self._shelf.unfinished):
            self._work.begin(batch)

    async def stop(self) -> None:
        """Stop where it is; the next start goes on from there."""
        await self._work.stop()
        await asyncio.to_thread(self._shelf.close)

    async def take_turns(self) -> None:
        """For one of several processes: every second, see whether the work is this one's, and do it if it is."""
        turn = self._turn
        assert turn is not None
        is_mine = False
        while True:
            try:
                if self._shelf.exists and await self._do(turn.take):
                    if not is_mine:
                        await self._do(lambda: self._shelf.clear_drafts(self._clock.now() - _OLD_SECONDS))
                        is_mine = True
                    await self._work.look_around()
            except StoreError as error:
                log.warning("batches cannot be gone on with: %s", error)
            await asyncio.sleep(_TURN_SECONDS)

    @property
    def _has_turn(self) -> bool:
        return self._turn is None or self._turn.held

    def _begin(self, batch: Batch) -> None:
        if self._has_turn:
            self._work.begin(batch)  # else whoever has it finds the batch

    async def tidy(self) -> None:
        """Every hour, and when the time of a file has come, take away what is older than it may be."""
        keep_us = self._settings.keep_days * _DAY_US
        while True:
            pause = _TIDY_SECONDS
            try:
                if self._shelf.exists and self._has_turn:
                    await self._do(lambda: self._shelf.tidy(self._now_us(), keep_us))
                    pause = await self._do(self._until_next)
            except StoreError as error:
                log.warning("old files and batches cannot be deleted: %s", error)
            await asyncio.sleep(pause)

    def _until_next(self) -> float:
        """Seconds. No file that is made meanwhile has a shorter life than an hour."""
        ends_us = self._shelf.next_end()
        if ends_us is None:
            return _TIDY_SECONDS
        return min(_TIDY_SECONDS, max(0.0, (ends_us - self._now_us()) / 1e6) + _LATE_SECONDS)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    async def _do(self, job: Callable[[], T]) -> T:
        """Do what waits for the disk in a thread."""

        def do() -> T:
            try:
                return job()
            except OSError as error:
                raise StoreError(
                    f"A file of a batch cannot be used: {error.strerror}.", hint="Look at the data folder."
                ) from error

        return await asyncio.to_thread(do)

    # Files

    async def begin_upload(self) -> Draft:
        """A place for a file that comes in. Raises Overloaded, StoreError."""

        def begin() -> Draft:
            draft = self._shelf.draft_at(new_id("draft"))
            self._shelf.check_room()
            return Draft(draft, self._settings.max_file_bytes)

        return await self._do(begin)

    async def write(self, draft: Draft, data: bytes) -> None:
        """Append to a file that comes in. Raises BodyTooLarge, StoreError."""
        await self._do(lambda: draft.write(data))

    async def discard(self, draft: Draft) -> None:
        """Give a file up; nothing when it was kept."""
        await self._do(lambda: draft.close(keep=False))

    async def keep(
        self, draft: Draft, key: Key, *, name: str, purpose: str, expires_after: int | None
    ) -> bytes:
        """The File object of a file that has come in completely. Raises BadRequest."""
        if purpose != "batch":
            raise BadRequest(
                "Files are kept here for batches alone: `purpose` has to be `batch`.",
                hint="Put pictures and documents into the request itself.",
                param="purpose",
            )
        self._check_lifetime(expires_after, "expires_after")
        now_us = self._now_us()
        file = StoredFile(
            id=new_file_id(),
            key_id=key.id,
            name=name[:_LONGEST_NAME] or "upload.jsonl",
            purpose=purpose,
            size=draft.size,
            created_us=now_us,
            expires_us=None if expires_after is None else now_us + expires_after * 1_000_000,
        )

        def keep() -> None:
            draft.close(keep=True)
            place(draft.path, self._shelf.file_at(file.id))
            self._shelf.add(file)

        await self._do(keep)
        return msgspec.json.encode(openai_form.file_object(file))

    def _check_lifetime(self, seconds: int | None, param: str) -> None:
        """Raises BadRequest for a promise that would not be kept."""
        if seconds is not None and seconds > self._settings.keep_days * _DAY_US // 1_000_000:
            raise BadRequest(
                f"`{param}` is longer than files are kept here: {self._settings.keep_days} days.", param=param
            )

    async def _file(self, file_id: str, key: Key) -> StoredFile:
        file = await self._find(StoredFile, file_id, key)
        if file is None or self._is_over(file):
            raise NotFound(f"No file is called `{file_id[:100]}`.", param="id")
        return file

    def _is_over(self, file: StoredFile) -> bool:
        return file.expires_us is not None and file.expires_us <= self._now_us()

    async def _find(self, kind: type[Row], name: str, key: Key) -> Row | None:
        if not self._shelf.exists:
            return None
        return await self._do(lambda: self._shelf.find(kind, name, key.id))

    async def list_files(
        self, key: Key, *, purpose: str | None, after: str | None, limit: int, ascending: bool
    ) -> bytes:
        """A page of the key's files. Raises BadRequest."""
        equal = {} if purpose is None else {"purpose": purpose}
        rows: list[StoredFile] = []
        if self._shelf.exists:
            rows = await self._do(lambda: self._shelf.list_of(StoredFile, key.id, **equal))
            rows = [row for row in rows if not self._is_over(row)]
        return openai_form.list_object(rows, after=after, limit=limit, most=_MOST_FILES, ascending=ascending)

    async def show_file(self, file_id: str, key: Key) -> bytes:
        """The File object. Raises NotFound."""
        return msgspec.json.encode(openai_form.file_object(await self._file(file_id, key)))

    async def delete_file(self, file_id: str, key: Key) -> bytes:
        """Take a file away; a batch that is made of it goes on. Raises NotFound."""
        file = await self._file(file_id, key)
        await self._do(lambda: self._shelf.delete_file(file.id))
        return openai_form.deleted(file.id)

    async def read_file(self, file_id: str, key: Key) -> Content:
        """What is in a file. Raises NotFound."""
        file = await self._file(file_id, key)
        return await self._content(self._shelf.file_at(file.id))

    async def _content(self, path: Path) -> Content:
        descriptor = await self._do(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        size = os.fstat(descriptor).st_size

        async def pieces() -> AsyncGenerator[bytes, None]:
            try:
                while piece := await asyncio.to_thread(os.read, descriptor, _PIECE):
                    yield piece
            finally:
                os.close(descriptor)

        return Content(size, pieces())

    # Batches in OpenAI's form

    async def create_batch(self, body: bytes, key: Key, *, strict: bool, keep_bodies: bool) -> bytes:
        """Begin a batch. Raises BadRequest, Overloaded."""
        wanted = openai_form.read_batch_request(body)
        self._check_lifetime(wanted.output_seconds, "output_expires_after")
        file = await self._find(StoredFile, wanted.input_file_id, key)
        if file is None or file.purpose != "batch" or self._is_over(file):
            raise BadRequest(
                f"No file for batches is called `{wanted.input_file_id[:100]}`.", param="input_file_id"
            )
        batch = self._new("openai", wanted.endpoint, key, strict=strict, keep_bodies=keep_bodies)
        batch.input_file_id = file.id
        batch.metadata = wanted.metadata
        batch.output_seconds = wanted.output_seconds

        def begin() -> None:
            self._shelf.check_room()
            folder = self._shelf.run_at(batch.id)
            folder.mkdir(mode=0o700, parents=True)
            place(self._shelf.file_at(file.id), folder / INPUT)
            self._shelf.add(batch)

        await self._do(begin)
        shown = msgspec.json.encode(openai_form.batch_object(batch))
        self._begin(batch)
        return shown

    def _new(self, form: Form, endpoint: str, key: Key, *, strict: bool, keep_bodies: bool) -> Batch:
        now_us = self._now_us()
        return Batch(
            id=new_id("batch" if form == "openai" else "msgbatch"),
            key_id=key.id,
            form=form,
            endpoint=endpoint,
            strict=strict,
            keep_bodies=keep_bodies,
            created_us=now_us,
            expires_us=now_us + self._lifetime_us,
        )

    async def _batch(self, batch_id: str, key: Key, form: Form) -> Batch:
        batch = await self._find(Batch, batch_id, key)
        if batch is None or batch.form != form:
            raise NotFound(f"No batch is called `{batch_id[:100]}`.")
        return self._work.current(batch)

    async def _list(self, key: Key, form: Form) -> list[Batch]:
        if not self._shelf.exists:
            return []
        rows = await self._do(lambda: self._shelf.list_of(Batch, key.id, form=form))
        return [self._work.current(row) for row in rows]

    async def list_batches(self, key: Key, *, after: str | None, limit: int) -> bytes:
        """A page of the key's batches, newest first. Raises BadRequest."""
        return openai_form.list_object(
            await self._list(key, "openai"), after=after, limit=limit, most=_MOST_BATCHES
        )

    async def show_batch(self, batch_id: str, key: Key) -> bytes:
        """The Batch object. Raises NotFound."""
        return msgspec.json.encode(openai_form.batch_object(await self._batch(batch_id, key, "openai")))

    async def cancel_batch(self, batch_id: str, key: Key) -> bytes:
        """Begin no further line. Raises NotFound, BadRequest when it has ended."""
        batch = await self._batch(batch_id, key, "openai")
        if batch.ended:
            raise BadRequest(f"A batch that is {batch.status} cannot be cancelled.")
        return msgspec.json.encode(openai_form.batch_object(await self._work.cancel(batch)))

    # Batches in Anthropic's form

    async def create_message_batch(
        self, body: bytes, key: Key, base_url: str, *, strict: bool, keep_bodies: bool
    ) -> bytes:
        """Begin a batch. Raises BadRequest, Overloaded."""
        lines = await asyncio.to_thread(anthropic_form.read_batch_request, body)
        batch = self._new("anthropic", anthropic_form.ENDPOINT, key, strict=strict, keep_bodies=keep_bodies)
        batch.status = "in_progress"
        batch.started_us = batch.created_us
        batch.total = len(lines)

        def begin() -> None:
            draft = Draft(self._shelf.draft_at(new_id("draft")), self._settings.max_bytes)
            try:
                self._shelf.check_room(len(body))
                draft.write(b"\n".join(lines) + b"\n")
                draft.close(keep=True)
                folder = self._shelf.run_at(batch.id)
                folder.mkdir(mode=0o700, parents=True)
                place(draft.path, folder / INPUT)
                self._shelf.add(batch)
            finally:
                draft.close(keep=False)

        await self._do(begin)
        shown = msgspec.json.encode(anthropic_form.batch_object(batch, base_url))
        self._begin(batch)
        return shown

    async def list_message_batches(
        self, key: Key, base_url: str, *, after: str | None, before: str | None, limit: int
    ) -> bytes:
        """A page of the key's batches, newest first. Raises BadRequest."""
        rows = await self._list(key, "anthropic")
        return anthropic_form.list_object(rows, base_url, after=after, before=before, limit=limit)

    async def show_message_batch(self, batch_id: str, key: Key, base_url: str) -> bytes:
        """The MessageBatch object. Raises NotFound."""
        batch = await self._batch(batch_id, key, "anthropic")
        return msgspec.json.encode(anthropic_form.batch_object(batch, base_url))

    async def cancel_message_batch(self, batch_id: str, key: Key, base_url: str) -> bytes:
        """Begin no further request. Raises NotFound, BadRequest when it has ended."""
        batch = await self._batch(batch_id, key, "anthropic")
        if batch.ended:
            raise BadRequest("A batch that has ended cannot be canceled.")
        return msgspec.json.encode(anthropic_form.batch_object(await self._work.cancel(batch), base_url))

    async def delete_message_batch(self, batch_id: str, key: Key) -> bytes:
        """Take a batch and its results away. Raises NotFound, BadRequest while it has not ended."""
        batch = await self._batch(batch_id, key, "anthropic")
        if not batch.ended:
            raise BadRequest("A batch that is under way cannot be deleted.", hint="Cancel it first.")
        await self._do(lambda: self._shelf.delete_batch(batch.id))
        return anthropic_form.deleted(batch.id)

    async def read_results(self, batch_id: str, key: Key) -> Content:
        """The results of a batch. Raises NotFound, BadRequest while it has not ended."""
        batch = await self._batch(batch_id, key, "anthropic")
        if not batch.ended:
            raise BadRequest("The batch has no results yet.", hint="Wait until it has ended.")
        return await self._content(self._shelf.run_at(batch.id) / "results.jsonl")
