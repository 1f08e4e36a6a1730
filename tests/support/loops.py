"""Running a test's coroutine on the loops that Freehold may run on, and seeing that nothing is left of it."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import pytest
import uvloop


class Run(Protocol):
    """Runs a coroutine to its end in a new loop."""

    def __call__(self, main: Coroutine[Any, Any, None]) -> None: ...


@functools.cache
def _set_aside() -> None:
    """What the imports made will not be looked at in each search for what a test left."""
    gc.collect()
    gc.freeze()


def _clean(run: Callable[[Coroutine[Any, Any, None]], None]) -> Run:
    async def watched(main: Coroutine[Any, Any, None]) -> None:
        await main
        for _ in range(100):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if not left:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"tasks are left over: {left}")

    def run_clean(main: Coroutine[Any, Any, None]) -> None:
        _set_aside()
        run(watched(main))
        gc.collect()  # what was not closed says so now, as a ResourceWarning, which is an error here

    return run_clean


run_on_asyncio = _clean(asyncio.run)
run_on_uvloop = _clean(uvloop.run)

on_both_loops = pytest.mark.parametrize("run", [run_on_asyncio, run_on_uvloop], ids=["asyncio", "uvloop"])
"""Hands a test `run`, once for each loop."""


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Makes a test of a coroutine function."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        run_on_uvloop(test(*arguments, **named))

    return run


async def timed(attempt: Callable[[], Awaitable[object]], *, limit: float, late: float = 0.15) -> None:
    """Expects `attempt` to take between `limit` and `limit + late` seconds.

    Being late once or twice may be the machine's fault; being early never is.
    """
    loop = asyncio.get_running_loop()
    taken = []
    for _ in range(3):
        start = loop.time()
        await attempt()
        taken.append(loop.time() - start)
        assert taken[-1] >= limit - 0.002
        if taken[-1] <= limit + late:
            return
    raise AssertionError(f"a limit of {limit} s took {taken} s")
