"""What goes wrong with a database, in words that a person can act on."""

from __future__ import annotations

import errno
import re
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
    UNMADE = "the server has no such database"
    AWAY = "the server cannot be reached"
    BUSY = "the server takes no more connections"
    REFUSED = "the server refuses user or password"
    FORBIDDEN = "the server does not let this user do that"
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
_BY_STATE = {
    "53100": Fault.FULL,
    "53300": Fault.BUSY,
    "53400": Fault.BUSY,
    "55P03": Fault.LOCKED,
    "40P01": Fault.LOCKED,
    "57014": Fault.LOCKED,
    "25006": Fault.READ_ONLY,
    "3D000": Fault.UNMADE,
    "42501": Fault.FORBIDDEN,
    "58030": Fault.IO,
    "XX001": Fault.DAMAGED,
    "XX002": Fault.DAMAGED,
}
"""Of PostgreSQL: SQLSTATE."""
_BY_CLASS = {"08": Fault.AWAY, "28": Fault.REFUSED, "57": Fault.AWAY}
"""The first two characters of a SQLSTATE that is not named above."""
_BY_WORDS = {
    r"database \S+ does not exist": Fault.UNMADE,
    r"authentication failed|role \S+ does not exist|no pg_hba.conf entry|no password": Fault.REFUSED,
    r"too many (clients|connections)|connection slots": Fault.BUSY,
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
    if type(error).__module__.startswith("psycopg"):
        return _of_server(error)
    if type(error).__module__.startswith("valkey"):
        return Fault.AWAY
    # An extended code such as SQLITE_IOERR_WRITE begins with the primary one.
    primary = "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
    return _BY_CODE.get(primary, Fault.OTHER)


def _of_server(error: BaseException) -> Fault:
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or Fault.OTHER
    # The connection broke or could not be made; what a server says to that comes without a code.
    told = str(error)
    for words, fault in _BY_WORDS.items():
        if "FATAL" in told and re.search(words, told):
            return fault
    return Fault.AWAY
