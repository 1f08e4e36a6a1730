"""The filter in the kernel through which every system call of a locked process goes.

What is not known to be harmless does not work: a list of what is allowed, not of what is forbidden. So a process can
neither make another one, nor talk to anybody over anything but the pipes it was given.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from functools import lru_cache

from freehold.compare.scorers.sandbox.calls import ALLOWED, LOOKED_AT, REFUSED, WRITING, Table
from freehold.compare.scorers.sandbox.kernel import MACHINE, checked, syscall

_COLUMN = {"x86_64": 0, "aarch64": 1}
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}

_LOAD, _EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06  # of classic BPF
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in seccomp_data
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NO_SUCH, _REFUSED = _ERROR | errno.ENOSYS, _ERROR | errno.EPERM

_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_TMPFILE = 0o20000000
_SIGNALLING = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: have the kernel signal somebody
_NAMING = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA
_DESCRIPTORS = (0x5421, 0x5450, 0x5451)  # FIONBIO, FIONCLEX, FIOCLEX: no device and nobody else is asked
_AF_UNIX = 1

Step = tuple[int, int, int, int]
"""One step of the filter: what, steps to jump if so, steps to jump if not, with what."""


def is_possible() -> bool:
    """Whether this machine is of a kind for which the numbers of the calls are known."""
    return MACHINE in _COLUMN


def install(*, writing: bool) -> None:
    """From here on this process can do only what is harmless, and may write files only with `writing`.

    There is no way back. `gain_nothing` comes first. Raises OSError: the kernel does not take the filter.
    """
    steps = _packed(writing=writing)
    buffer = ctypes.create_string_buffer(steps, len(steps))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    told = Program(len(steps) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    checked(syscall(_SECCOMP[MACHINE], 1, 0, ctypes.byref(told), what="seccomp"), "seccomp")


def prepare() -> None:
    """Makes the filters, so that processes that are forked from here on need not."""
    for writing in (False, True):
        _packed(writing=writing)


@lru_cache(maxsize=2)
def _packed(*, writing: bool) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in program(writing=writing))


def program(*, writing: bool) -> list[Step]:
    """The filter. A call is compared with one number after the other; each block ends with what becomes of it."""
    steps: list[Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT[MACHINE]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if MACHINE == "x86_64":
        steps += [(_AND, 0, 0, _X32), (_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]

    def answer(table: Table, *then: Step) -> None:
        for numbers in table.values():
            number = numbers[_COLUMN[MACHINE]]
            if number is not None:
                steps.extend([(_EQUAL, 0, len(then), number), *then])

    answer(ALLOWED, (_RETURN, 0, 0, _ALLOW))
    if writing:
        answer(WRITING, (_RETURN, 0, 0, _ALLOW))
    flags = 0 if writing else _WRITES | _TMPFILE
    looked_at: dict[str, tuple[Step, ...]] = {
        "clone": _if_set(0, _CLONE_THREAD),
        "prctl": _if_one_of(0, _NAMING),
        "prlimit64": _if_one_of(0, (0,)),
        "socketpair": _if_one_of(0, (_AF_UNIX,)),
        "sendto": _if_nothing(4),
        "ioctl": _if_one_of(1, _DESCRIPTORS),
        "openat": _unless_set(2, flags),
        "open": _unless_set(1, flags),
        "fcntl": _unless_one_of(1, _SIGNALLING),
        "clone3": ((_RETURN, 0, 0, _NO_SUCH),),  # its flags are where no filter sees them; glibc falls back
    }
    for name, then in looked_at.items():
        answer({name: LOOKED_AT[name]}, *then)
    answer(REFUSED, (_RETURN, 0, 0, _REFUSED))
    return [*steps, (_RETURN, 0, 0, _NO_SUCH)]


def _argument(at: int, *, high: bool = False) -> Step:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * at + (4 if high else 0))  # both machines are little-endian


def _if_set(at: int, bits: int) -> tuple[Step, ...]:
    masked = (_argument(at), (_AND, 0, 0, bits), (_EQUAL, 0, 1, bits))
    return (*masked, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSED))


def _unless_set(at: int, bits: int) -> tuple[Step, ...]:
    masked = (_argument(at), (_AND, 0, 0, bits), (_EQUAL, 0, 1, 0))
    return (*masked, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSED))


def _if_one_of(at: int, values: tuple[int, ...]) -> tuple[Step, ...]:
    tests = [(_EQUAL, len(values) - nth, 0, value) for nth, value in enumerate(values)]
    return (_argument(at), *tests, (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW))


def _unless_one_of(at: int, values: tuple[int, ...]) -> tuple[Step, ...]:
    tests = [(_EQUAL, len(values) - nth, 0, value) for nth, value in enumerate(values)]
    return (_argument(at), *tests, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSED))


def _if_nothing(at: int) -> tuple[Step, ...]:
    both = (_argument(at), (_EQUAL, 0, 2, 0), _argument(at, high=True), (_EQUAL, 1, 0, 0))
    return (*both, (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW))
