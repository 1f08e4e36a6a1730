"""Earlier calls, for conversations that go on from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.core.errors import ClientError, Overloaded, StoreError
from freehold.ledger.filters import Filter

if TYPE_CHECKING:
    from freehold.ledger.reading import LedgerReader
    from freehold.ledger.record import Call
    from freehold.ledger.writer import Ledger


log = logging.getLogger("freehold")

FLUSH_SECONDS = 2.0
"""That calls may take to come on record when somebody asks for them."""


class Memory:
    """The calls on record, those of a moment ago included. Methods raise Overloaded while it cannot be read."""

    def __init__(
        self, ledger: Ledger, history: LedgerReader, flush_others: Callable[[], None] | None = None
    ) -> None:
        """`flush_others` brings on record what other processes have answered."""
        self._ledger = ledger
        self._history = history
        self._flush_others = flush_others

    @contextmanager
    def _asking(self) -> Iterator[None]:

        # A server that is away is not asked: the few threads for such questions would all wait for it.
        is_away = not isinstance(self._history.place, Path) and self._ledger.status.state == "failing"
        try:
            if is_away:
                raise StoreError("The ledger's server is away.")
            self._ledger.flush(FLUSH_SECONDS)
            yield
        except StoreError as error:
            log.warning("An earlier call cannot be looked at: %s", error)
            raise Overloaded(
                "What was said before cannot be read now.",
                hint="Try again, or send the conversation whole.",
            ) from None

    def recall(self, call_id: str) -> Call | None:
        """The call with its bodies, if it is on record."""

        def look() -> Call | None:
            try:
                found = self._history.call(call_id).call
            except ClientError:
                return None
            return found if found.id == call_id else None  # a beginning of an id is no id

        with self._asking():
            found = look()
            if found is None and self._flush_others is not None:
                self._flush_others()
                found = look()
            return found

    def recent(self, key_id: str | None, limit: int) -> list[str]:
        """Ids of the newest chats with this key, the newest first."""

        chosen = Filter(key_id=key_id, operation="chat")
        with self._asking():
            if self._flush_others is not None:
                self._flush_others()
            return [entry.call.id for entry in self._history.calls(chosen, limit=limit)]

    def forget(self, call_id: str) -> None:
        """Let go of the call's bodies."""
        with self._asking():
            self._ledger.forget_bodies(call_id)
