"""Landlock: the process itself gives up all files but those below some folders."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from functools import lru_cache

from freehold.compare.scorers.sandbox.kernel import syscall

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same numbers on every machine
_BELOW_A_PATH = 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14
"""Rights that make sense for what is no folder: execute, write, read, truncate."""
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights over files that a version of Landlock knows, from that version on."""
_NETWORK = 3
_SCOPES = 3


@lru_cache(maxsize=1)
def version() -> int:
    """The version that the kernel has; 0: none."""
    try:
        return syscall(_CREATE, 0, 0, 1, what="landlock")
    except OSError:
        return 0


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """From here on files can be read below `readable`, everything done below `writable`, and nothing elsewhere; ports
    and processes outside cannot be reached either where Landlock knows of them. `gain_nothing` comes first.
    """
    known = version()
    handled = max(bits for since, bits in _FILES.items() if since <= known)
    attributes = struct.pack("=Q", handled)
    if known >= 4:
        attributes += struct.pack("=Q", _NETWORK)
    if known >= 6:
        attributes += struct.pack("=Q", _SCOPES)
    ruleset = syscall(_CREATE, attributes, len(attributes), 0, what="landlock")
    try:
        for path in readable:
            _allow(ruleset, path, _READ_FILE | _READ_FOLDER)
        for path in writable:
            _allow(ruleset, path, handled & ~1)
        syscall(_RESTRICT, ruleset, 0, what="landlock")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
        syscall(_ADD_RULE, ruleset, _BELOW_A_PATH, ctypes.byref(rule), 0, what=f"landlock {path}")
    finally:
        os.close(place)
