"""Batches and files of every key."""

from __future__ import annotations

import msgspec

from freehold.admin.office import Office, ShownBatch, ShownFile
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import PageQuery, given


class BatchList(msgspec.Struct):
    """A page of batches, newest first."""

    batches: list[ShownBatch]
    next: str | None


class FileList(msgspec.Struct):
    """A page of files, newest first."""

    files: list[ShownFile]
    next: str | None


def _list(office: Office, asked: Asked) -> BatchList:
    query: PageQuery = asked.query
    found = office.batches(query.limit, given(query.after))
    return BatchList(found, found[-1].id if len(found) == query.limit else None)


def _show(office: Office, asked: Asked) -> ShownBatch:
    return office.batch(asked.path["batch"])


async def _cancel(office: Office, asked: Asked) -> ShownBatch:
    return await office.cancel_batch(asked.path["batch"], asked.actor)


def _files(office: Office, asked: Asked) -> FileList:
    query: PageQuery = asked.query
    found = office.files(query.limit, given(query.after))
    return FileList(found, found[-1].id if len(found) == query.limit else None)


def _file(office: Office, asked: Asked) -> ShownFile:
    return office.file(asked.path["file"])


def _delete(office: Office, asked: Asked) -> None:
    office.delete_file(asked.path["file"], asked.actor)


OPERATIONS = (
    Operation(
        method="GET", path="/batches", least="viewer", act=_list, answer=BatchList, query=PageQuery,
        summary="List batches of every key",
    ),
    Operation(
        method="GET", path="/batches/{batch}", least="viewer", act=_show, answer=ShownBatch,
        summary="Show a batch",
    ),
    Operation(
        method="POST", path="/batches/{batch}/cancel", least="operator", act=_cancel, answer=ShownBatch,
        conflicts=True, summary="Begin no further line of a batch",
    ),
    Operation(
        method="GET", path="/files", least="viewer", act=_files, answer=FileList, query=PageQuery,
        summary="List files of every key",
    ),
    Operation(
        method="GET", path="/files/{file}", least="viewer", act=_file, answer=ShownFile, summary="Show a file",
    ),
    Operation(
        method="DELETE", path="/files/{file}", least="operator", act=_delete, status=204,
        summary="Take a file away",
    ),
)  # fmt: skip
