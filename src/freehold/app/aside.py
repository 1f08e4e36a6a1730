"""Sends errands to processes of their own, one at a time.

Charts and figures take seconds and much memory: no call waits for them, and the memory is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping

import msgspec

from freehold.app.errand import TROUBLE, Errand, Trouble, Where, written
from freehold.core.errors import FreeholdError, Overloaded, Stopping
from freehold.store.places import Place

log = logging.getLogger("freehold.admin")

_SECONDS = 120.0
_HANDED_ON = (
    "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ",
)  # fmt: skip
"""Variables. Keys of providers are not among them: no model is asked."""


class Aside:
    """See the module. Its methods raise NotFound, BadRequest, StoreError, Overloaded: it took too long."""

    def __init__(self, comparisons: Place, ledger: Place, environ: Mapping[str, str]) -> None:
        self._comparisons: Where = written(comparisons)
        self._ledger: Where = written(ledger)
        self._environ = {name: environ[name] for name in _HANDED_ON if name in environ}
        self._turn = asyncio.Semaphore(1)
        self._process: Process | None = None
        self._closed = False

    async def report(self, comparison: str) -> bytes:
        """The report on a comparison: a page of HTML."""
        return await self._send(
            Errand(what="report", which=comparison, comparisons=self._comparisons, ledger=self._ledger)
        )

    async def findings(self, check: str, alpha: float) -> bytes:
        """What a check found, as JSON."""
        return await self._send(
            Errand(
                what="findings",
                which=check,
                comparisons=self._comparisons,
                ledger=self._ledger,
                alpha=alpha,
            )
        )

    def close(self) -> None:
        """End what is under way."""
        self._closed = True
        self._kill()

    async def _send(self, errand: Errand) -> bytes:
        async with self._turn:
            if self._closed:
                raise Stopping("The endpoint is stopping.")
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "freehold.app.errand"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=self._environ,
                start_new_session=True,  # Ctrl-C in our terminal is ours
            )
            try:
                async with asyncio.timeout(_SECONDS):
                    answer, said = await process.communicate(msgspec.json.encode(errand))
            except TimeoutError:
                raise Overloaded(
                    f"It was not done within {_SECONDS:g} s.",
                    hint="`freehold compare report` and `freehold judge show` take the time that they need.",
                ) from None
            finally:
                if process.returncode is None:
                    self._kill()
                    await process.wait()
                self._process = None
        if process.returncode == 0:
            return answer
        if process.returncode == TROUBLE:
            raise msgspec.json.decode(answer, type=Trouble).error()
        log.error("an errand ended with status %d: %s", process.returncode, said.decode(errors="replace"))
        raise FreeholdError("Something went wrong here.")

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
