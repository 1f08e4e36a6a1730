"""Answers that are Python code and have to pass tests: `python-tests`.

The code is run by `sandbox`, in a process of its own that can do no harm, and the tests in another.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.scorers.fences import Fence, fences_of
from freehold.compare.scorers.kind import Targets, bad_target, hash_of, settings_of
from freehold.compare.scorers.sandbox.pool import Job, Sandbox
from freehold.compare.scoring import Scored

NAME = "python-tests"
_VERSION = 1
_LANGUAGES = ("python", "py", "python3", "")


class PythonTestsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `python-tests` is set."""

    code: Literal["fence", "whole"] = "fence"
    """Where the code is: `fence`: in a fenced block (the last one that defines the entry point, else the first), and
    in the whole answer where there is none; `whole`: the whole answer."""
    credit: Literal["all", "share"] = "all"
    """`all`: 1 if every test passes, else 0; `share`: the share of tests that pass."""
    objects: bool = False
    """Whether tests use operators of the answer's own classes (`==`, `<`, `+`). Such a class decides itself what it is
    equal to, so an answer that wants to deceive can."""
    seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 15.0
    """Most time by the clock for an answer, all in all."""
    cpu_seconds: Annotated[int, msgspec.Meta(ge=1, le=600)] = 5
    """Most processor time for an answer."""
    memory_mb: Annotated[int, msgspec.Meta(ge=64, le=65536)] = 512
    """Most memory for an answer, in MiB of address space."""
    processes: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    """Answers that are run at once; 0: as many as there are processors."""
    unguarded: tuple[Literal["files", "network", "processes"], ...] = ()
    """What need not be guarded where the machine cannot; else such a machine runs no answer at all."""


class PythonTests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The target of `python-tests`."""

    tests: str | list[str]
    """Assertions, functions `test_…`, classes of `unittest`; in a list each is a test of its own."""
    entry_point: str = ""
    """The function that a function `check` in the tests is called with."""
    before: str = ""
    """What stands before the answer's code: the beginning that it was asked to complete."""
    module: str = "solution"
    """The name under which tests import the answer."""


class PythonTestsScorer:
    """Runs answers against tests."""

    def __init__(self, settings: msgspec.Raw, *, without: tuple[str, ...] = ()) -> None:
        """`without`: as of Sandbox. Raises BadRequest: the settings are wrong."""
        self._settings = settings_of(NAME, settings, PythonTestsSettings)
        self._targets: Targets[PythonTests] = Targets(NAME, PythonTests)
        # How many at once, and what guards them, changes no score.
        scored = msgspec.structs.replace(self._settings, processes=0, unguarded=())
        self._hash = hash_of(NAME, _VERSION, scored)
        self._without = without
        self._sandbox: Sandbox | None = None

    @property
    def hash(self) -> str:
        """What it is and how it is set."""
        return self._hash

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case's target is not what this scorer takes."""
        self._target(case)

    async def score(self, case: Case, answer: Answer) -> Scored:
        """Whether the answer passes. Raises BadRequest: the target makes no sense. Raises SettingsError: this machine
        cannot run answers safely.
        """
        target = self._target(case)
        settings = self._settings
        job = Job(
            code=_joined(target.before, _code(answer.text, target.entry_point, settings.code)),
            tests=_tests(target),
            module=target.module,
            entry_point=target.entry_point,
            objects=settings.objects,
            seconds=settings.seconds,
            cpu_seconds=settings.cpu_seconds,
            memory_bytes=settings.memory_mb * 1024 * 1024,
        )
        if self._sandbox is None:
            most = settings.processes or None
            self._sandbox = Sandbox(most=most, lacking=settings.unguarded, without=self._without)
        outcome = await self._sandbox.run(job)
        why = f"{outcome.passed} of {outcome.total} tests passed"
        if outcome.why:
            why += f"; {outcome.why}"
        if settings.credit == "share":
            return Scored(outcome.passed / outcome.total, why)
        return Scored(float(outcome.passed == outcome.total), why)

    async def close(self) -> None:
        """Ends the processes that answers are run in."""
        if self._sandbox is not None:
            sandbox, self._sandbox = self._sandbox, None
            await sandbox.close()

    def _target(self, case: Case) -> PythonTests:
        target = self._targets.read(case)
        if not target.module.isidentifier():
            raise bad_target(case, "`module` must be a name that Python can import.")
        if not any(one.strip() for one in _tests(target)):
            raise bad_target(case, "`tests` has no test.")
        for one in _tests(target):
            fault = _fault(one)
            if fault is not None:
                raise bad_target(case, f"`tests` is no Python: {fault}.")
        return target


@lru_cache(maxsize=1024)
def _fault(code: str) -> str | None:
    """Why a text is no Python; None: it is."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _tests(target: PythonTests) -> tuple[str, ...]:
    return (target.tests,) if isinstance(target.tests, str) else tuple(target.tests)


def _joined(before: str, code: str) -> str:
    return f"{before.rstrip()}\n{code}" if before.strip() else code


def _code(text: str, entry_point: str, where: str) -> str:
    if where == "whole":
        return text
    blocks = [one for one in fences_of(text) if one.language in _LANGUAGES]
    if not blocks:
        return text
    return next((one for one in reversed(blocks) if _defines(one, entry_point)), blocks[0]).text


def _defines(fence: Fence, name: str) -> bool:
    return bool(name) and any(
        f"{word} {name}{after}" in fence.text for word in ("def", "class") for after in ("(", ":", "[")
    )
