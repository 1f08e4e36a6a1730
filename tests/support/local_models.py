"""The real local models, run for tests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
from openai import OpenAI

from freehold.providers.local.models import MODELS, LocalModel
from freehold.providers.local.processes import LocalModels
from freehold.providers.local.supervised import Address

CHAT, EMBEDDINGS = "local/smollm2-135m", "local/e5-small"


@contextlib.asynccontextmanager
async def local_models(
    data: Path, *others: LocalModel, memory: int | None = None, idle: float | None = None
) -> AsyncIterator[LocalModels]:
    """Models that are stopped in the end, and whose processes are then gone. `others`: in place of the embedded."""
    models = LocalModels(data, models={one.id: one for one in others} or MODELS, memory=memory, idle=idle)
    try:
        yield models
    finally:
        running = [psutil.Process(pid) for pid in models.processes().values()]
        await models.stop()
        assert not any(process.is_running() for process in running)


@contextlib.contextmanager
def served(data: Path, name: str, *others: LocalModel) -> Iterator[Address]:
    """One model, looked after by a loop in another thread, for tests that block. `others`: in place of the embedded."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        models = asyncio.run_coroutine_threadsafe(_made(data, others), loop).result(10)
        try:
            yield asyncio.run_coroutine_threadsafe(models.address_of(name), loop).result(60)
        finally:
            asyncio.run_coroutine_threadsafe(models.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _made(data: Path, others: tuple[LocalModel, ...]) -> LocalModels:
    return LocalModels(data, models={one.id: one for one in others} or MODELS)


@contextlib.contextmanager
def sdk(address: Address, *, key: str | None = None) -> Iterator[OpenAI]:
    """The official SDK, talking to one worker."""
    base_url, token = address
    with OpenAI(base_url=base_url, api_key=key or token, max_retries=0, timeout=60) as client:
        yield client


def gone(pid: int) -> bool:
    """Whether a process has ended. One that nobody has reaped yet has ended too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
