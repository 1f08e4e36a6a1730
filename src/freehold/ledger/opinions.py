"""Takes feedback in: finds the call it is about, and has it committed before anybody is told that it is kept."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from freehold.core.clock import Clock, microseconds
from freehold.core.errors import BadRequest, NotFound, Overloaded, StoreError
from freehold.ledger.feedback import Feedback, Given, make_feedback, write_feedback
from freehold.ledger.reading import LedgerReader, Subject
from freehold.ledger.writer import LedgerStatus

log = logging.getLogger("freehold.ledger")

MOST_NAMES = 50
"""Names that one call may have feedback under, whoever gave it."""
_MOST_WAITING = 1000
_MOST_WAITING_BYTES = 16_000_000
_THREADS = 2
"""That look calls up: whoever asks for many that there are not keeps nobody but others of his kind waiting."""
_FLUSH_SECONDS = 2.0
"""That a call may take to come on record when somebody has an opinion on it."""
_COMMIT_SECONDS = 8.0
_NOT_KEPT = "The feedback cannot be kept now."
_AGAIN = "Send it again in a moment: the same feedback twice is kept once."


class Book(Protocol):
    """Where it is kept: `writer.Ledger`."""

    @property
    def status(self) -> LedgerStatus:
        """How it is at this moment."""

    def flush(self, timeout: float) -> bool:
        """Wait until all calls recorded so far are committed."""

    def do(self, work: Callable[[Connection], None]) -> Future[None]:
        """Let `work` be done in a transaction of its own."""


class Opinions:
    """Feedback on its way into the ledger. Any thread may call its methods.

    What waits is bounded in number and bytes, and goes in together: one commit, however many have waited for it.
    """

    def __init__(
        self,
        ledger: Book,
        history: LedgerReader,
        clock: Clock,
        flush_others: Callable[[], None] | None = None,
    ) -> None:
        """`flush_others` brings on record what other processes have answered."""
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._flush_others = flush_others
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="freehold-feedback")
        self._lock = threading.Lock()
        self._waiting: list[tuple[Feedback, Future[None]]] = []
        self._held = 0
        """Bytes of what waits or is being committed."""
        self._count = 0

    @property
    def waiting(self) -> int:
        """How much of it is not committed yet."""
        return self._count

    async def give(self, call_id: str, given: Given, *, key_id: str) -> Feedback:
        """Keep what the holder of a key says of a call made with it. Raises NotFound for calls of others, BadRequest,
        Overloaded. When it gives, the feedback is committed.
        """
        given.check()
        subject = await asyncio.get_running_loop().run_in_executor(self._threads, self._find, call_id)
        if subject is None or subject.key_id != key_id:
            raise _unknown(call_id)
        kept = self._make(subject, given, key_id)
        done = asyncio.wrap_future(self._put(kept))
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await done
        except (SQLAlchemyError, StoreError, OSError, TimeoutError) as error:
            raise _not_kept(error) from None
        return kept

    def give_as(self, call_id: str, given: Given, *, by: str) -> Feedback:
        """As `give`, for somebody who may speak of any call; waits. Raises NotFound, BadRequest, Overloaded."""
        given.check()
        subject = self._find(call_id)
        if subject is None:
            raise _unknown(call_id)
        kept = self._make(subject, given, by)
        try:
            self._put(kept).result(_COMMIT_SECONDS)
        except (SQLAlchemyError, StoreError, OSError, TimeoutError) as error:
            raise _not_kept(error) from None
        return kept

    def _make(self, subject: Subject, given: Given, by: str) -> Feedback:
        if given.has_words and not subject.kept:
            raise BadRequest(
                f"What is said in the call `{subject.id}` is not kept, so words about it are not either.",
                hint="Send true, false or a number, without a `correction`.",
                param="value",
            )
        said = {(one.name, one.by) for one in subject.feedback}
        if len(said) >= MOST_NAMES and (given.name, by) not in said:
            raise BadRequest(
                f"The call `{subject.id}` has feedback under {MOST_NAMES} names already.",
                hint="Use one of those names.",
                param="name",
            )
        now_us = microseconds(self._clock.now())
        return make_feedback(given, subject.id, call_us=subject.started_us, at_us=now_us, by=by)

    def _find(self, call_id: str) -> Subject | None:
        """The call, also when it ended only a moment ago."""
        # A server that is away is not asked: the few threads for such questions would all wait for it.
        is_away = not isinstance(self._history.place, Path) and self._ledger.status.state == "failing"
        try:
            if is_away:
                raise StoreError("The ledger's server is away.")
            found = self._history.subject(call_id) if self._history.exists else None
            if found is None:  # it may have been committed since, so it is looked for whatever is queued now
                self._ledger.flush(_FLUSH_SECONDS)
                found = self._history.subject(call_id)
            if found is None and self._flush_others is not None:
                self._flush_others()
                found = self._history.subject(call_id)
            if found is None and self._ledger.status.spooled:
                raise StoreError("The call may be among those that wait for the ledger's server.")
        except StoreError as error:
            raise _not_kept(error) from None
        return found

    def _put(self, one: Feedback) -> Future[None]:
        done: Future[None] = Future()
        size = _size_of(one)
        with self._lock:
            if self._count >= _MOST_WAITING or self._held + size > _MOST_WAITING_BYTES:
                raise Overloaded("Too much feedback is waiting to be kept.", hint=_AGAIN)
            self._count += 1
            self._held += size
            self._waiting.append((one, done))
            is_first = len(self._waiting) == 1
        if is_first:
            self._commit_what_waits()
        return done

    def _commit_what_waits(self) -> None:
        taken: list[tuple[Feedback, Future[None]]] = []

        def work(connection: Connection) -> None:
            with self._lock:
                taken.extend(self._waiting)
                self._waiting.clear()
            write_feedback(connection, [one for one, _ in taken])

        def tell(committed: Future[None]) -> None:
            error = committed.exception()
            with self._lock:
                if error is not None:  # it may be that nothing was taken
                    taken.extend(self._waiting)
                    self._waiting.clear()
                self._count -= len(taken)
                self._held -= sum(_size_of(one) for one, _ in taken)
            for _, done in taken:
                if not done.set_running_or_notify_cancel():
                    continue  # whoever waited has gone
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

        self._ledger.do(work).add_done_callback(tell)


def _size_of(one: Feedback) -> int:
    return 500 + 4 * (len(one.text or "") + len(one.correction or ""))


def _unknown(call_id: str) -> NotFound:
    return NotFound(
        f"No call is called `{call_id[:100]}`.",
        hint="It is what the header `x-freehold-call` of the answer says, and has to be a call of the same key.",
    )


def _not_kept(error: BaseException) -> Overloaded:
    log.warning("Feedback cannot be kept: %s", str(error) or type(error).__name__)
    return Overloaded(_NOT_KEPT, hint=_AGAIN)


def read_given(body: bytes) -> Given:
    """Feedback as a client sends it. Raises BadRequest."""
    try:
        return msgspec.json.decode(body, type=Given)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The feedback is not what it has to be: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("The body is not JSON.") from None
