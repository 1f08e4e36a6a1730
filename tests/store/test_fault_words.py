from __future__ import annotations

import errno
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from freehold.core.errors import StoreError
from freehold.store.faults import Fault, fault_of


def wrapped(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("SQLITE_FULL", Fault.FULL),
        ("SQLITE_BUSY_SNAPSHOT", Fault.LOCKED),
        ("SQLITE_READONLY_DBMOVED", Fault.READ_ONLY),
        ("SQLITE_CANTOPEN", Fault.MISSING),
        ("SQLITE_IOERR_WRITE", Fault.IO),
        ("SQLITE_CORRUPT", Fault.DAMAGED),
        ("SQLITE_NOTADB", Fault.DAMAGED),
        ("SQLITE_ERROR", Fault.OTHER),
    ],
)
def test_a_code_of_sqlite_is_told_in_words(code: str, fault: Fault) -> None:
    error = sqlite3.OperationalError("told")
    error.sqlite_errorname = code
    assert fault_of(error) is fault
    assert fault_of(OperationalError("SELECT 1", None, error)) is fault
    assert fault_of(wrapped(StoreError("told"), error)) is fault


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENOSPC, Fault.FULL),
        (errno.EDQUOT, Fault.FULL),
        (errno.EROFS, Fault.READ_ONLY),
        (errno.EACCES, Fault.READ_ONLY),
        (errno.ENOENT, Fault.MISSING),
        (errno.EIO, Fault.IO),
    ],
)
def test_an_error_of_the_system_is_told_in_words(number: int, fault: Fault) -> None:
    assert fault_of(OSError(number, "told")) is fault
    assert fault_of(wrapped(StoreError("told"), OSError(number, "told"))) is fault


def test_anything_else_is_unexpected() -> None:
    assert fault_of(StoreError("a newer Freehold wrote it")) is Fault.OTHER
    assert fault_of(RuntimeError()) is Fault.OTHER
