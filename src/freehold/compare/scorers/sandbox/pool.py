"""Keepers, as whoever wants answers judged has them: started when they are needed, several at once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from freehold.compare.scorers.sandbox.frames import MOST_BYTES
from freehold.core.errors import SettingsError

_GRACE_S = 10.0
"""What a keeper may take beyond a job's time before it counts as broken."""
_START_S = 30.0
_SOURCE = str(Path(__file__).resolve().parents[4])
_START = (
    f"import sys; sys.path.insert(0, {_SOURCE!r}); "
    "from freehold.compare.scorers.sandbox.keeper import main; sys.path.pop(0); "
    "main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])"
)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An answer's code, and what it has to stand."""

    code: str
    tests: tuple[str, ...]
    """Python, each run on its own: assertions, functions `test_…`, `unittest.TestCase`."""
    module: str = "solution"
    """The name under which tests can import the answer."""
    entry_point: str = ""
    """A function of the answer that a function `check` of the tests is called with."""
    objects: bool = False
    """Whether operators of the answer's own objects are asked for: see `Remote`."""
    seconds: float = 15.0
    """By the clock on the wall, all in all."""
    cpu_seconds: int = 5
    """Of a processor, each for the answer and the tests."""
    memory_bytes: int = 512 * 1024 * 1024
    """Of address space, likewise."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a job."""

    passed: int
    total: int
    why: str = ""
    """Why the first test failed that did."""


class KeeperBroken(Exception):
    """The keeper ended in the middle of a job."""


class _Keeper:
    """One keeper, seen from here."""

    def __init__(self, process: asyncio.subprocess.Process, pipes: list[asyncio.WriteTransport]) -> None:
        self._process = process
        self._pipes = pipes
        """To the tests' process, and to the answer's."""

    async def greet(self) -> Any:
        """What it says when it has started. Raises KeeperBroken."""
        return await self._receive(_START_S)

    async def do(self, job: Job) -> tuple[Outcome, bool]:
        """What comes of a job, and whether it can be given another one. Raises KeeperBroken."""
        assert self._process.stdin is not None
        told = {
            field: getattr(job, field) for field in job.__struct_fields__ if field not in ("code", "tests")
        }
        self._process.stdin.write(_frame(told))
        for pipe, content in zip(self._pipes, (job.tests, job.code), strict=True):
            pipe.write(_frame(content))
        told = await self._receive(job.seconds + _GRACE_S)
        try:
            clean = told.pop("clean") and not any(pipe.get_write_buffer_size() for pipe in self._pipes)
            return msgspec.convert(told, Outcome), clean
        except (msgspec.ValidationError, LookupError, AttributeError) as error:
            raise KeeperBroken(str(error)) from None

    async def _receive(self, seconds: float) -> Any:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                length = int.from_bytes(await self._process.stdout.readexactly(4), "big")
                return msgspec.json.decode(await self._process.stdout.readexactly(min(length, MOST_BYTES)))
        except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as error:
            raise KeeperBroken(f"{type(error).__name__}: {error}") from None

    async def end(self) -> None:
        """Ends it and everything it started."""
        for pipe in self._pipes:
            if not pipe.is_closing():  # it closes by itself when nobody reads any more
                pipe.abort()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def _frame(message: object) -> bytes:
    data = msgspec.json.encode(message)
    return len(data).to_bytes(4, "big") + data


async def _pipe() -> tuple[int, asyncio.WriteTransport]:
    """A new pipe: the end to hand over, and the end to write to."""
    out, into = os.pipe()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(into, "wb", 0))
    return out, transport


class Sandbox:
    """Runs jobs, at most `most` at once."""

    def __init__(
        self,
        *,
        most: int | None = None,
        lacking: Iterable[str] = (),
        without: Iterable[str] = (),
        python: str = sys.executable,
    ) -> None:
        """`lacking`: what need not hold, of `lock.NEEDED`. `without`: layers of `lock.LAYERS` that are not used even
        where there are any. `python`: what runs the answers.
        """
        self._room = asyncio.Semaphore(most or os.cpu_count() or 1)
        self._free: list[_Keeper] = []
        self._all: set[_Keeper] = set()
        self._may_lack = frozenset(lacking)
        self.without = tuple(without)
        self._python = python
        self.layers: tuple[str, ...] = ()
        """What locks the answers down; empty before the first job."""

    async def run(self, job: Job) -> Outcome:
        """Has a job done.

        Raises SettingsError: it cannot be done safely here. Raises KeeperBroken: twice, the keeper did not survive it.
        """
        async with self._room:
            try:
                return await self._run(job)
            except KeeperBroken:
                return await self._run(job)

    async def close(self) -> None:
        """Ends all keepers, in the middle of jobs, too."""
        keepers, self._all, self._free = self._all, set(), []
        for keeper in keepers:
            await keeper.end()

    async def _run(self, job: Job) -> Outcome:
        keeper = self._free.pop() if self._free else await self._start()
        try:
            outcome, clean = await keeper.do(job)
        except BaseException:
            # Whatever it was doing, it would answer the next job with it.
            await self._end(keeper)
            raise
        if clean:
            self._free.append(keeper)
        else:
            await self._end(keeper)
        return outcome

    async def _end(self, keeper: _Keeper) -> None:
        self._all.discard(keeper)
        await keeper.end()

    async def _start(self) -> _Keeper:
        tests, to_tests = await _pipe()
        answers, to_answers = await _pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                self._python,
                *(
                    "-s",
                    "-S",
                    "-P",
                    "-B",
                    "-X",
                    "utf8",
                    "-c",
                    _START,
                    str(tests),
                    str(answers),
                    *self.without,
                ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONHASHSEED": "0"},
                cwd="/",
                pass_fds=(tests, answers),
            )
        finally:
            os.close(tests)
            os.close(answers)
        keeper = _Keeper(process, [to_tests, to_answers])
        self._all.add(keeper)
        try:
            self._check(await keeper.greet())
        except BaseException:
            await self._end(keeper)
            raise
        return keeper

    def _check(self, told: dict[str, Any]) -> None:
        lacking = [one for one in told["lacking"] if one not in self._may_lack]
        if lacking or told["why"]:
            why = f" ({told['why']})" if told["why"] else ""
            raise SettingsError(
                f"Code of answers cannot be run safely on this machine: nothing here can guard {_list(lacking)}{why}.",
                hint="It takes Linux 5.13 or newer on x86-64 or 64-bit ARM, with seccomp, and with Landlock or user"
                ' namespaces; or name what need not be guarded, as in `"unguarded": ["files"]`.',
            )
        self.layers = tuple(told["layers"])


def _list(names: list[str]) -> str:
    return ", ".join(f"`{one}`" for one in names) or "anything"
