"""What is kept of files and batches: their rows in `batches.db`, their contents in the data folder.

Its methods wait for the disk, and may be called from any thread, one after the other.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sql

from freehold.batches import tables
from freehold.batches.records import UNFINISHED, Batch, Status, StoredFile
from freehold.core.errors import BadRequest, Overloaded, StoreError
from freehold.store.database import open_database, store_errors, unusable, writing

Row = TypeVar("Row", StoredFile, Batch)

GOING: tuple[Status, ...] = ("validating", "in_progress")
"""As long as a batch is this, it can be cancelled."""
INPUT, OUTPUT, ERRORS = "input.jsonl", "output.jsonl", "errors.jsonl"


class Shelf:
    """Every file and batch. The database is opened when the first is put in, or when there was one before."""

    def __init__(self, data: Path, *, max_bytes: int) -> None:
        """`data`: the data folder. `max_bytes`: what all contents together may take."""
        self._path = data / "batches.db"
        self._folder = data / "batches"
        self._max_bytes = max_bytes
        self._engine: sql.Engine | None = None
        self._lock = threading.RLock()

    @property
    def exists(self) -> bool:
        """Whether anything was ever put in."""
        return self._engine is not None or self._path.exists()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def _using(self) -> Iterator[sql.Connection]:
        with self._lock:
            try:
                if self._engine is None:
                    self._engine = open_database(self._path, "batches")
                    for name in ("files", "runs", "incoming"):
                        (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
                with store_errors(self._path), writing(self._engine) as connection:
                    yield connection
            except OSError as error:
                raise unusable(self._path, error) from error

    # Places

    def file_at(self, file_id: str) -> Path:
        """Where the content of a file is."""
        return self._folder / "files" / file_id

    def run_at(self, batch_id: str) -> Path:
        """The folder of a batch: what goes in, and what has come out."""
        return self._folder / "runs" / batch_id

    def draft_at(self, name: str) -> Path:
        """Where something is written until it is complete."""
        with self._using():
            return self._folder / "incoming" / name

    def check_room(self, more: int = 0) -> None:
        """Raises Overloaded when `more` bytes would be too many. Batches count what they have written so far."""
        used = sum(entry.stat().st_size for entry in self._folder.rglob("*") if entry.is_file())
        if used + more > self._max_bytes:
            raise Overloaded(
                "The space for files and batches is used up.", hint="Delete files, or wait until they expire."
            )

    # Rows

    def add(self, row: StoredFile | Batch) -> None:
        """Put in a file or a batch."""
        with self._using() as connection:
            connection.execute(_table(type(row)).insert().values(msgspec.structs.asdict(row)))

    def save(self, batch: Batch, *outputs: StoredFile) -> None:
        """Keep a batch as it is now, together with the files it has given."""
        values = msgspec.structs.asdict(batch)
        columns = tables.batches.c
        with self._using() as connection:
            if batch.status in GOING and batch.cancelling_us is None:
                # Another process may have been asked to cancel it: that is heeded at the next look around.
                chosen = sql.select(columns.status, columns.cancelling_us).where(columns.id == batch.id)
                there = connection.execute(chosen).first()
                if there is not None and there.cancelling_us is not None:
                    values.update(status=there.status, cancelling_us=there.cancelling_us)
            connection.execute(tables.batches.update().where(columns.id == batch.id).values(values))
            for file in outputs:
                connection.execute(tables.files.insert().values(msgspec.structs.asdict(file)))

    def save_progress(self, batch: Batch) -> None:
        """Let other processes see how far a batch is, unless it has ended meanwhile."""
        columns = tables.batches.c
        this = sql.and_(columns.id == batch.id, columns.status.in_(("in_progress", "cancelling")))
        values = {"succeeded": batch.succeeded, "errored": batch.errored, "usage": batch.usage}
        with self._using() as connection:
            connection.execute(tables.batches.update().where(this).values(values))

    def ask_to_cancel(self, batch: Batch, now_us: int) -> Batch:
        """Write down, for the process that works on it, that it is to be cancelled. The batch as it is then."""
        columns = tables.batches.c
        this = sql.and_(columns.id == batch.id, columns.status.in_(GOING))
        with self._using() as connection:
            change = tables.batches.update().where(this)
            connection.execute(change.values(status="cancelling", cancelling_us=now_us))
        return self.find(Batch, batch.id, batch.key_id) or batch

    def find(self, kind: type[Row], name: str, key_id: str) -> Row | None:
        """One file or batch of a key: what belongs to others does not exist for it."""
        columns = _table(kind).c
        found = self._rows(kind, columns.id == name, columns.key_id == key_id)
        return found[0] if found else None

    def list_of(self, kind: type[Row], key_id: str, **equal: Any) -> list[Row]:
        """All of a key, newest first."""
        columns = _table(kind).c
        return self._rows(kind, columns.key_id == key_id, *(columns[name] == equal[name] for name in equal))

    def one_of(self, kind: type[Row], name: str) -> Row | None:
        """One file or batch, whoever it belongs to."""
        found = self._rows(kind, _table(kind).c.id == name)
        return found[0] if found else None

    def page_of(self, kind: type[Row], limit: int, after: str | None) -> list[Row]:
        """The newest of all keys. `after`: only those made before the one with this id."""
        # The two forms of batches have ids of their own, so it is their time that orders them.
        table = _table(kind)
        chosen = sql.select(table).order_by(table.c.created_us.desc(), table.c.id.desc()).limit(limit)
        with self._using() as connection:
            if after is not None:
                last = connection.execute(sql.select(table.c.created_us).where(table.c.id == after)).scalar()
                if last is None:
                    raise BadRequest(f"`{after[:100]}` is not the `next` of a page.", param="after")
                chosen = chosen.where(sql.tuple_(table.c.created_us, table.c.id) < (last, after))
            return [kind(**row._mapping) for row in connection.execute(chosen)]

    def unfinished(self) -> list[Batch]:
        """Batches that are still to be worked on, of all keys, oldest first."""
        return self._rows(Batch, tables.batches.c.status.in_(UNFINISHED))[::-1]

    def _rows(self, kind: type[Row], *where: sql.ColumnElement[bool]) -> list[Row]:
        table = _table(kind)
        chosen = sql.select(table).where(*where).order_by(table.c.id.desc())
        with self._using() as connection:
            return [kind(**row._mapping) for row in connection.execute(chosen)]

    # Ends

    def delete_file(self, file_id: str) -> None:
        """Take a file away."""
        with self._using() as connection:
            connection.execute(tables.files.delete().where(tables.files.c.id == file_id))
            self.file_at(file_id).unlink(missing_ok=True)

    def delete_batch(self, batch_id: str) -> None:
        """Take away a batch and what it wrote."""
        with self._using() as connection:
            connection.execute(tables.batches.delete().where(tables.batches.c.id == batch_id))
            shutil.rmtree(self.run_at(batch_id), ignore_errors=True)

    def tidy(self, now_us: int, keep_us: int) -> None:
        """Take away what is older than it may be, and drafts that nobody will complete."""
        columns = tables.files.c
        old = sql.or_(columns.expires_us <= now_us, columns.created_us < now_us - keep_us)
        for file in self._rows(StoredFile, old):
            self.delete_file(file.id)
        for batch in self._rows(Batch, tables.batches.c.ended_us < now_us - keep_us):
            self.delete_batch(batch.id)

    def next_end(self) -> int | None:
        """When the time of the next file comes whose client said when that is, in microseconds since 1970."""
        with self._using() as connection:
            found: int | None = connection.execute(
                sql.select(sql.func.min(tables.files.c.expires_us))
            ).scalar()
        return found

    def clear_drafts(self, older_than: float = math.inf) -> None:
        """Take away what was being written when the process ended; `older_than`, in seconds since 1970, spares what
        others may still be writing.
        """
        with self._using():
            for draft in (self._folder / "incoming").iterdir():
                with suppress(FileNotFoundError):
                    if draft.stat().st_mtime < older_than:
                        draft.unlink()


def _table(kind: type[StoredFile] | type[Batch]) -> sql.Table:
    return tables.files if kind is StoredFile else tables.batches


def place(source: Path, target: Path) -> None:
    """Make the file known by a second name; nothing to do when that was done before a crash."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(f"The file `{target}` cannot be made: {error.strerror}.") from error


def flush(path: Path) -> None:
    """Bring a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
