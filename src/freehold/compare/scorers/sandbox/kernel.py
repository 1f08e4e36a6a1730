"""What is asked of Linux that Python has no words for."""

from __future__ import annotations

import ctypes
import os
import platform

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

MACHINE = platform.machine()

NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

BIND = 4096
RECURSIVE = 16384
PRIVATE = 1 << 18
NOSUID = 2
NODEV = 4
NOEXEC = 8
_DETACH = 2

_MOUNT_SETATTR = 442  # the same number on every machine
_ATTR_RDONLY_NOSUID_NODEV = 1 | 2 | 4
_AT_RECURSIVE = 0x8000
_AT_FDCWD = -100
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def checked(result: int, what: str) -> int:
    """The result of a call. Raises OSError."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object, what: str) -> int:
    """Calls the kernel. Raises OSError."""
    long = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return checked(_libc.syscall(ctypes.c_long(number), *long), what)


def unshare(flags: int) -> None:
    """Leaves the namespaces that are shared with everybody else."""
    checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2)."""
    told = options.encode() or None
    kinds = None if kind is None else kind.encode()
    checked(
        _libc.mount(source.encode(), target.encode(), kinds, ctypes.c_ulong(flags), told), f"mount {target}"
    )


def make_read_only(path: str, *, below: bool) -> None:
    """A mount, and with `below` all mounts in it, can be written by nobody here any more."""
    attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY_NOSUID_NODEV, 0, 0, 0)
    flags = _AT_RECURSIVE if below else 0
    pointer = ctypes.byref(attributes)
    name = ctypes.c_char_p(path.encode())
    syscall(_MOUNT_SETATTR, _AT_FDCWD, name, flags, pointer, 32, what=f"mount_setattr {path}")


def change_root(path: str) -> None:
    """`path`, a mount, becomes `/`, and what was there before can no longer be reached."""
    os.chdir(path)
    dot = ctypes.c_char_p(b".")
    syscall(_PIVOT_ROOT[MACHINE], dot, dot, what="pivot_root")
    checked(_libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")


def die_with_parent(signal: int) -> None:
    """When the parent ends, this process is sent a signal."""
    checked(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")


def gain_nothing() -> None:
    """From here on nothing that is executed has more rights than this process."""
    checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def drop_capabilities() -> None:
    """This process has no capability any more, of whatever namespace."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)(0, 0, 0, 0, 0, 0)
    syscall(_CAPSET[MACHINE], ctypes.byref(header), ctypes.byref(none), what="capset")
