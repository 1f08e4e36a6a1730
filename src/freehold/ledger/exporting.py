"""Exports calls as Parquet files, one for each day (UTC): `day=2026-11-22/calls.parquet`, in a folder or on S3.

A file is there once it is whole, and how many calls it has is compared with the ledger: so an export that was
interrupted, or is repeated, writes only what is missing or has changed since. A day of which retention has deleted
calls is never written again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest, StoreError
from freehold.core.extras import how_to_install
from freehold.ledger.batch import DAY_US
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader

_GROUP = 10_000
"""Calls of one group of rows: what is held in memory."""
_GROUP_WITH_BODIES = 200
_FILE = "calls.parquet"
_SELECTION = "freehold.selection"
_NEEDED = "Parquet needs the package `pyarrow`, which is not installed."


class Exported(NamedTuple):
    """What became of one day."""

    day: str
    calls: int
    """In its file."""
    written: bool
    """False: it was there already."""


class Target:
    """Where files go: a folder, or a prefix on S3."""

    def __init__(self, to: str, *, endpoint: str | None = None) -> None:
        """`to`: a path, or `s3://bucket/prefix`. `endpoint`: the URL of a server that speaks as S3 does.

        Raises StoreError: pyarrow is not installed, or the address is none.
        """
        try:
            from pyarrow import fs  # noqa: PLC0415 - whoever exports no Parquet does not need it
        except ImportError as error:
            raise StoreError(_NEEDED, hint=how_to_install("parquet")) from error
        self.shown = to.rstrip("/")
        self._is_local = not to.startswith("s3://")
        self._files: Any
        if self._is_local:
            self._files, self._root = fs.LocalFileSystem(), str(Path(to).absolute())
            return
        self._root = self.shown.removeprefix("s3://")
        if not self._root.partition("/")[0]:
            raise BadRequest(f"`{to}` names no bucket.", hint="Write `s3://bucket/prefix`.")
        scheme, _, host = (endpoint or "").rpartition("://")
        options = {"endpoint_override": host, "scheme": scheme or "https"} if host else {}
        self._files = fs.S3FileSystem(**options, allow_bucket_creation=False)

    def metadata(self, day: str) -> Any:
        """What the file of a day says of itself; None when there is no whole file."""
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        try:
            with self._files.open_input_file(self._path(day)) as file:
                return parquet.read_metadata(file)
        except (FileNotFoundError, pa.ArrowInvalid):
            return None

    def write(self, day: str, schema: Any, tables: Iterable[Any]) -> int:
        """Write the file of a day; nobody sees it before it is whole. Returns how many rows it has."""
        from pyarrow import parquet  # noqa: PLC0415

        final, rows = self._path(day), 0
        with self._beside(final) as path:
            with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
                for table in tables:
                    rows += table.num_rows
                    writer.write_table(table)
            self._put_in_place(path, final)
        return rows

    @contextmanager
    def _beside(self, final: str) -> Iterator[str]:
        """A path on this machine for a file that is not whole yet."""
        folder = None
        if self._is_local:
            folder = Path(final).parent
            folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=".calls-", suffix=".part", dir=folder)
        os.close(handle)
        try:
            yield path
        finally:
            Path(path).unlink(missing_ok=True)

    def _put_in_place(self, path: str, final: str) -> None:
        from pyarrow import fs  # noqa: PLC0415

        if not self._is_local:
            fs.copy_files(
                path, final, source_filesystem=fs.LocalFileSystem(), destination_filesystem=self._files
            )
            return
        with Path(path).open("rb") as written:
            os.fsync(written.fileno())
        Path(path).replace(final)

    def _path(self, day: str) -> str:
        return f"{self._root}/day={day}/{_FILE}"


class Export:
    """Exports the days of a ledger one by one."""

    def __init__(self, reader: LedgerReader, target: Target, chosen: Filter, *, bodies: bool) -> None:
        """`chosen`: every day that its time touches is exported whole."""
        self._reader = reader
        self._target = target
        self._chosen = _whole_days(chosen)
        self._bodies = bodies

    def days(self) -> dict[str, int]:
        """The days that have such calls, and how many."""
        everything = msgspec.structs.replace(self._chosen, mirrors=True)
        found = {one.names[0]: one.calls for one in self._reader.sums(("day",), everything)}
        return {day: found[day] for day in sorted(filter(None, found))}

    def run(self) -> Iterator[Exported]:
        """Export each day that is not there yet as the ledger has it. Raises StoreError, BadRequest."""
        import pyarrow as pa  # noqa: PLC0415

        try:
            for day, calls in self.days().items():
                if (done := self._export(day, calls)) is not None:
                    yield done
        except (OSError, pa.ArrowException) as error:
            told = " ".join(str(error).split())
            raise StoreError(f"`{self._target.shown}` cannot be written: {told}.") from error

    def _export(self, day: str, calls: int) -> Exported | None:
        from freehold.ledger import parquet  # noqa: PLC0415 - needs pyarrow

        there = self._target.metadata(day)
        mine = self._selection()
        if there is not None:
            other = (there.metadata or {}).get(_SELECTION.encode(), b"").decode()
            if other != mine:
                raise BadRequest(
                    f"`{self._target.shown}` holds another selection of calls: {other or 'not by Freehold'}.",
                    hint="Export to another place.",
                )
            if there.num_rows == calls or _bounds(day)["since_us"] < self._reader.calls_from_us():
                return Exported(day, there.num_rows, written=False)
        schema = parquet.schema({_SELECTION: mine}, bodies=self._bodies)
        chosen = msgspec.structs.replace(self._chosen, **_bounds(day))
        size = _GROUP_WITH_BODIES if self._bodies else _GROUP
        groups = self._reader.in_order(chosen, size=size, with_bodies=self._bodies)
        first = next(groups, None)
        if first is None:
            return None  # retention has taken them all
        tables = (parquet.table_of(group, schema) for group in chain([first], groups))
        return Exported(day, self._target.write(day, schema, tables), written=True)

    def _selection(self) -> str:
        """What distinguishes two exports that must not be mixed."""
        chosen = msgspec.structs.asdict(msgspec.structs.replace(self._chosen, since_us=None, until_us=None))
        known = {name: value for name, value in chosen.items() if value is not None}
        return msgspec.json.encode(known | ({"bodies": True} if self._bodies else {})).decode()


def _whole_days(chosen: Filter) -> Filter:
    since, until = chosen.since_us, chosen.until_us
    return msgspec.structs.replace(
        chosen,
        since_us=None if since is None else since // DAY_US * DAY_US,
        until_us=None if until is None else -(-until // DAY_US) * DAY_US,
    )


def _bounds(day: str) -> dict[str, int]:
    since_us = microseconds(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    return {"since_us": since_us, "until_us": since_us + DAY_US}
