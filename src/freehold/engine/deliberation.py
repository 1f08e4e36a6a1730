"""A cascade at work beside its call, so that a client that waits for a stream hears that somebody is there."""

from __future__ import annotations

import asyncio

from freehold.core.decision import Decision
from freehold.core.errors import FreeholdError
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.engine.cascading import Cascading, Held
from freehold.routing.plans import Reason
from freehold.wire.dialect import Addressee, StreamEncoder
from freehold.wire.dialects import dialect_of
from freehold.wire.errors import error_event_of
from freehold.wire.request import Request
from freehold.wire.sse import WAIT

_NOBODY = ChatRequest(model="", messages=[])


class Deliberation:
    """Finds the answer that the client gets: ask `held` until it gives one."""

    def __init__(
        self, cascading: Cascading, first: Reason, request: Request, *, continues: bool, beat: float
    ) -> None:
        """`first`: why the first model is asked. `continues`: whether another model may go on where the answer breaks
        off. `beat`: seconds after which a client hears that it is being made.
        """
        self.request = request
        self.continues = continues
        self._cascading = cascading
        self._beat = beat if request.stream else None
        self._task = asyncio.create_task(cascading.answer(first))

    @property
    def decision(self) -> Decision:
        """As it stands."""
        return self._cascading.decision

    async def held(self) -> Held | None:
        """The answer; None: it takes long, and the client is to hear of that. Raises as `Cascading.answer`."""
        try:
            done, _ = await asyncio.wait((self._task,), timeout=self._beat)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait((self._task,))
            raise
        return self._task.result() if done else None

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        self._cascading.give_up()
        self._task.cancel()
        self._task.add_done_callback(_let_go)

    def wait(self) -> bytes:
        """What keeps the client waiting, and is no part of an answer in any dialect."""
        request = self.request
        return WAIT if request.dialect != "gemini" else self._encoder().wait()

    def fail(self, error: FreeholdError) -> bytes:
        """What tells the client that there will be no answer, and why."""
        return self._encoder().write(error_event_of(error))

    def _encoder(self) -> StreamEncoder:
        addressee = Addressee(request=_NOBODY, id="", created=0, framing=self.request.framing)
        return dialect_of(self.request.dialect).encode_stream(addressee, Losses())


def _let_go(task: asyncio.Task[Held]) -> None:
    if not task.cancelled():
        task.exception()  # nobody else will ask for it
