"""A keeper: the small process that has jobs done, one after the other, by processes that are locked down."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from freehold.compare.scorers.sandbox import frames, kernel, landlock, seccomp, walls
from freehold.compare.scorers.sandbox.answering import Answering
from freehold.compare.scorers.sandbox.lock import LAYERS, NEEDED, Limits, held_by, lock
from freehold.compare.scorers.sandbox.remote import Line
from freehold.compare.scorers.sandbox.testing import run

_USUAL = (
    *(
        "abc",
        "array",
        "bisect",
        "calendar",
        "cmath",
        "collections",
        "contextlib",
        "copy",
        "csv",
        "dataclasses",
    ),
    *(
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "inspect",
        "io",
        "itertools",
    ),
    *("json", "math", "numbers", "operator", "queue", "random", "re", "statistics", "string", "struct"),
    *("tempfile", "textwrap", "threading", "time", "traceback", "typing", "unicodedata", "unittest"),
)
"""Modules that answers often import: loaded once, so that no job has to."""
_IN, _OUT = 0, 1
_FIRST_USER, _USERS = 61184, 4335
"""Numbers of users that nobody has (systemd gives them to services for as long as they run)."""
_NOBODY = 65534
_MOST_TESTS = 1_000_000
_MOST_WHY = 1000
"""Characters of a reason."""


class Keeper:
    """Has jobs done."""

    def __init__(
        self, layers: frozenset[str], user: int | None, *, null: int, tests: int, answers: int
    ) -> None:
        """`tests`, `answers`: where the tests and the answers' code come from. Only the processes that need them read
        there: what a keeper has once had in its memory, every answer's process that it makes would have in its own.
        """
        self._layers = layers
        self._user = user
        self._null = null
        self._tests = tests
        self._answers = answers

    def work(self) -> None:
        """Until whoever gives the jobs is gone."""
        while True:
            try:
                job = frames.receive(_IN)
            except frames.Closed:
                return
            frames.send(_OUT, self._done(job))

    def _done(self, job: dict[str, Any]) -> dict[str, Any]:
        limits = Limits(cpu_seconds=job["cpu_seconds"], memory_bytes=job["memory_bytes"])
        to_answer, from_tests = os.pipe()
        to_tests, from_answer = os.pipe()
        told, telling = os.pipe()

        def answer() -> None:
            given = frames.receive(self._answers)
            os.close(self._answers)
            answering = Answering(to_answer, from_answer)
            answering.load(job["module"], given)
            answering.serve()

        def tests() -> None:
            given = frames.receive(self._tests)
            line = Line(to_tests, from_tests, objects=job["objects"])
            frames.send(telling, run(line, job["module"], given, job["entry_point"]))

        children = [
            self._child(answer, {self._answers, to_answer, from_answer}, limits, folder=True),
            self._child(tests, {self._tests, to_tests, from_tests, telling}, limits, folder=False),
        ]
        for place in (to_answer, from_tests, to_tests, from_answer, telling):
            os.close(place)
        try:
            verdict = _verdict(frames.receive(told, until=time.monotonic() + job["seconds"]))
        except frames.Late:
            verdict = {"passed": 0, "total": 1, "why": f"not done within {job['seconds']:g} s"}
        except frames.Closed:
            verdict = {"passed": 0, "total": 1, "why": "the tests ended without a result: a limit was passed"}
        finally:
            os.close(told)
            self._end(children)
        unread = select.select([self._tests, self._answers], [], [], 0)[0]
        return {**verdict, "clean": not unread}

    def _child(self, do: Any, keep: set[int], limits: Limits, *, folder: bool) -> int:
        child = os.fork()
        if child:
            return child
        try:
            for place in (0, 1, 2):
                os.dup2(self._null, place)
            _close_but(keep)
            lock(self._layers, limits, user=self._user, folder=folder)
            random.seed(0)
            os.environ.clear()
            do()
        except BaseException:  # noqa: BLE001  # nobody is there to be told: the tests' side notices
            os._exit(1)
        os._exit(0)

    def _end(self, children: list[int]) -> None:
        for child in children:
            os.kill(child, signal.SIGKILL)
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
        if os.getpid() == 1:
            _reap()


def _verdict(told: Any) -> dict[str, Any]:
    """What the tests' process told, if that is a verdict: tests can write where it writes."""
    if type(told) is dict and type(told.get("why")) is str:
        passed, total = told.get("passed"), told.get("total")
        if type(passed) is int and type(total) is int and 0 <= passed <= total and 0 < total < _MOST_TESTS:
            return {"passed": passed, "total": total, "why": told["why"][:_MOST_WHY]}
    return {"passed": 0, "total": 1, "why": "the tests told what is no result"}


def _close_but(keep: set[int]) -> None:
    last = 3  # the first three lead nowhere
    for place in sorted(keep):
        os.closerange(last, place)
        last = place + 1
    os.closerange(last, 4096)


def _reap() -> None:
    try:
        while os.waitpid(-1, 0):
            pass
    except ChildProcessError:
        pass


def _begin(without: frozenset[str]) -> frozenset[str]:
    """Builds the walls and tells which layers there are. In the process that does the jobs it returns."""
    layers = set()
    if "namespaces" not in without and _build():
        layers.add("namespaces")
    if "landlock" not in without and landlock.version():
        layers.add("landlock")
    if "seccomp" not in without and seccomp.is_possible():
        layers.add("seccomp")
    return frozenset(layers)


def _build() -> bool:
    """Whether this process is now within walls. Tried in a child first: half a wall is worse than none."""
    child = os.fork()
    if not child:
        try:
            walls.build()
        except (OSError, KeyError):
            os._exit(1)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        return False
    walls.build()
    inner = os.fork()
    if inner:
        _close_but(set())
        os.closerange(0, 3)
        _, status = os.waitpid(inner, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    kernel.die_with_parent(signal.SIGKILL)
    return True


def _another_user() -> int | None:
    """Whom a job becomes where this is root."""
    if os.geteuid() != 0:
        return None
    for user in (_FIRST_USER + int.from_bytes(os.urandom(4), "big") % _USERS, _NOBODY):
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                next(Path(os.__file__).parent.iterdir())
            except OSError:
                os._exit(1)
            os._exit(0)
        if not os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            return user
    raise PermissionError("root cannot become another user who may read Python's library")


def main(tests: int, answers: int, without: list[str]) -> None:
    """What `pool` starts: tells whether it is safe here, then works. `tests`, `answers`: as of Keeper."""
    os.setsid()
    kernel.die_with_parent(signal.SIGKILL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.set_int_max_str_digits(0)
    null = os.open(os.devnull, os.O_RDWR)
    try:
        layers = _begin(frozenset(without))
        user = _another_user()
        lacking = frozenset(NEEDED) - held_by(layers)
        _rehearse(layers, user)
    except OSError as error:
        frames.send(_OUT, {"layers": [], "lacking": list(NEEDED), "why": str(error)})
        return
    told = {"layers": [one for one in LAYERS if one in layers], "lacking": sorted(lacking), "why": ""}
    frames.send(_OUT, told)
    if "seccomp" in layers:
        seccomp.prepare()
    for name in _USUAL:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page that it looks at
    Keeper(layers, user, null=null, tests=tests, answers=answers).work()


def _rehearse(layers: frozenset[str], user: int | None) -> None:
    """Locks a process down once, to know that it can be done. Raises OSError."""
    told, telling = os.pipe()
    child = os.fork()
    if not child:
        try:
            lock(layers, Limits(cpu_seconds=1, memory_bytes=1 << 29), user=user, folder=True)
        except Exception as error:  # noqa: BLE001  # told to the parent
            os.write(telling, f"{type(error).__name__}: {error}".encode()[:1000] or b"?")
        os._exit(0)
    os.close(telling)
    why = os.read(told, 1000)
    os.close(told)
    os.waitpid(child, 0)
    if why:
        raise OSError(why.decode(errors="replace"))
