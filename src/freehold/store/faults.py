"""What goes wrong with a database, in words that a person can act on."""

from __future__ import annotations

import errno
from enum import StrEnum

from sqlalchemy.exc import DBAPIError

from freehold.core.errors import StoreError


class Fault(StrEnum):
    """Why a database cannot be used. The value is what people are told."""

    FULL = "disk full"
    LOCKED = "locked by another process"
    READ_ONLY = "read-only"
    MISSING = "file or folder cannot be opened"
    IO = "input/output error"
    DAMAGED = "damaged"
    OTHER = "unexpected error"


_BY_CODE = {
    "SQLITE_FULL": Fault.FULL,
    "SQLITE_BUSY": Fault.LOCKED,
    "SQLITE_LOCKED": Fault.LOCKED,
    "SQLITE_PROTOCOL": Fault.LOCKED,
    "SQLITE_READONLY": Fault.READ_ONLY,
    "SQLITE_PERM": Fault.READ_ONLY,
    "SQLITE_AUTH": Fault.READ_ONLY,
    "SQLITE_CANTOPEN": Fault.MISSING,
    "SQLITE_IOERR": Fault.IO,
    "SQLITE_NOLFS": Fault.FULL,
    "SQLITE_CORRUPT": Fault.DAMAGED,
    "SQLITE_NOTADB": Fault.DAMAGED,
}
_BY_ERRNO = {
    errno.ENOSPC: Fault.FULL,
    errno.EDQUOT: Fault.FULL,
    errno.EFBIG: Fault.FULL,
    errno.EROFS: Fault.READ_ONLY,
    errno.EACCES: Fault.READ_ONLY,
    errno.EPERM: Fault.READ_ONLY,
    errno.ENOENT: Fault.MISSING,
    errno.ENOTDIR: Fault.MISSING,
}


def fault_of(error: BaseException) -> Fault:
    """Which fault it is: an error of a driver, SQLAlchemy or the system, or a StoreError made of one."""
    if isinstance(error, StoreError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, Fault.IO)
    # An extended code such as SQLITE_IOERR_WRITE begins with the primary one.
    primary = "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
    return _BY_CODE.get(primary, Fault.OTHER)
