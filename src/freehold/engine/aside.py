"""Work on large bodies, done beside the event loop: one client's megabytes hold nobody else's call up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")

LARGE = 64 * 1024
"""Bytes from which on work is done aside. A megabyte of tiny parts takes a second to translate, while handing work over
takes a tenth of a millisecond.
"""
_THREADS = 4
"""More of them would only take more turns from the loop, which works at the same time."""


async def aside(size: int, job: Callable[[], T]) -> T:
    """What `job` gives, which works on `size` bytes and waits for nothing. Raises what it raises.

    When whoever waits for it is cancelled, a job that has begun runs to its end all the same.
    """
    if size < LARGE:
        return job()
    return await asyncio.get_running_loop().run_in_executor(_threads(), job)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="freehold-large-bodies")
