"""The engine: begins calls, knows what they are answered with, and hands each finished record on."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from freehold.access.key import Key
from freehold.core.clock import Clock, microseconds
from freehold.core.ids import new_id
from freehold.core.trace import Caller
from freehold.engine.capture import CaptureBudget
from freehold.engine.rehearsing import Rehearsing
from freehold.engine.running import RunningCall
from freehold.engine.runtime import Runtime
from freehold.engine.seldom import Seldom
from freehold.engine.tracing import Tracing
from freehold.ledger.record import Call, Operation
from freehold.routing.plans import ProvidersHealth

BEAT_SECONDS = 5.0
"""Less than any proxy or client waits for a word."""


class Engine:
    """Everybody who needs a model calls this, so everything spent is in the ledger."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        clock: Clock,
        observers: tuple[Callable[[Call], None], ...],
        begun: Callable[[], None] = lambda: None,
        beat: float = BEAT_SECONDS,
        tracing: Tracing | None = None,
    ) -> None:
        """Each of `observers` is handed every finished call once, and `begun` is called as each begins; they must
        neither block nor raise. `beat`: seconds after which clients that wait for what is held back hear of it.
        `tracing`: what becomes of traces; None: nothing.
        """
        self.runtime = runtime
        self.rehearsing: Rehearsing | None = None
        """Who has a part of the calls answered as if a provider were lost; None: there is no live drill."""
        self.active = 0
        """Calls begun and not finished. Mirrors are not counted: no client is to be turned away for them."""
        self.held_bytes = 0
        """Bytes of request bodies that those calls hold; whoever takes a body in adds it, but for mirrors."""
        self._clock = clock
        self._observers = observers
        self._begun = begun
        self._beat = beat
        self._tracing = tracing
        self._budget = CaptureBudget()
        self._seldom = Seldom(clock)
        self._health_of_mirrors = ProvidersHealth(random.random)
        self._health_of_mirrors.enabled = False

    def begin(
        self,
        operation: Operation,
        dialect: str,
        key: Key | None,
        caller: Caller | None = None,
        *,
        mirrors: str | None = None,
    ) -> RunningCall:
        """A new call, in the trace of its `caller`; `mirrors`: of a mirror, which is in no trace, the call it copies.

        Whoever begins one must end it: `RunningCall` says how.
        """
        if operation != "mirror":
            self.active += 1
        self._begun()
        call = Call(
            id=new_id("call"),
            started_us=microseconds(self._clock.now()),
            operation=operation,
            dialect=dialect,
            key_id=None if key is None else key.id,
            mirrors=mirrors,
        )
        if self._tracing is not None and operation != "mirror":  # it would look like another request
            call.trace = self._tracing.begin(call.id, caller)
        return RunningCall(
            call,
            key,
            self.runtime if operation != "mirror" else self._apart(),
            clock=self._clock,
            budget=self._budget,
            done=self._done,
            beat=self._beat,
            seldom=self._seldom,
            rehearsing=self.rehearsing,
        )

    def _apart(self) -> Runtime:
        """The runtime of mirrors, whose fate says nothing to clients' calls: a candidate that refuses or fails leaves
        its provider as well as it was, and one that is known to be sick is asked all the same.
        """
        return msgspec.structs.replace(self.runtime, health=self._health_of_mirrors, steering=None)

    def _done(self, call: Call) -> None:
        if call.operation != "mirror":
            self.active -= 1
            self.held_bytes -= call.request_bytes
        if self.rehearsing is not None:
            self.rehearsing.ended(call)
        for observe in self._observers:
            observe(call)
