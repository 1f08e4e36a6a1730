"""Everything that runs in the background: begun, followed, cancelled, and remembered for a while after its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec

from freehold.access.key import Key
from freehold.core.errors import (
    BadRequest,
    FreeholdError,
    Overloaded,
    ProviderTimeout,
    Stopping,
    StoreError,
)
from freehold.core.places import Places
from freehold.engine.aside import aside
from freehold.engine.background.elsewhere import NO, Told, decode_asked, encode_told, refusal_of
from freehold.engine.background.events import Room
from freehold.engine.background.response import BackgroundResponse
from freehold.engine.background.settings import BackgroundSettings
from freehold.engine.background.unfinished import Unfinished, UnfinishedFiles
from freehold.engine.exchange import as_asked
from freehold.engine.naming import is_kept
from freehold.engine.running import RunningCall
from freehold.ledger.record import Call
from freehold.wire.openai_errors import status_of
from freehold.wire.request import Request
from freehold.wire.responses import background as wire

log = logging.getLogger("freehold.engine")

_CUT_OFF = "The endpoint was ended while this response was running."


class Background:
    """All responses in the background, by their ids. What belongs to one key does not exist for others."""

    def __init__(
        self, settings: BackgroundSettings, files: UnfinishedFiles, *, settle: Callable[[], bool]
    ) -> None:
        """`settle` waits until all calls so far are on record, and says whether they are."""
        self._settings = settings
        self._files = files
        self._settle = settle
        self._room = Room(settings.max_bytes)
        self._room.make_room = self._make_room
        self._responses: dict[str, BackgroundResponse] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = Places(settings.max_responses)
        self._stopping = False

    @property
    def running(self) -> int:
        """How many are not over yet: those on their way to the disk included."""
        return len(self._tasks)

    # Their life

    async def begin(self, running: RunningCall, request: Request, body: bytes) -> BackgroundResponse:
        """Let a call that has its route run on by itself, whoever began it. Raises Overloaded, BadRequest, StoreError;
        until it has returned, ending the call is the caller's.
        """
        if self._stopping:
            raise Stopping("The endpoint is being stopped.")
        call = running.call
        if self._room.held >= self._room.limit or not self._places.take(call.key_id):
            raise Overloaded("Too many responses run in the background.", hint="Try again in a moment.")
        try:
            return await self._begin(running, request, body)
        except BaseException:
            self._places.give_back(call.key_id)
            raise

    async def _begin(self, running: RunningCall, request: Request, body: bytes) -> BackgroundResponse:
        call = running.call
        queued = await aside(request.size, partial(_queued, call, request))
        if self._stopping:
            raise Stopping("The endpoint is being stopped.")
        response = BackgroundResponse(
            call, queued, self._room, body=body, streamed=request.stream, kept=is_kept(request)
        )
        self._responses[response.id] = response
        try:
            left = Unfinished(call.key_id, msgspec.Raw(queued), msgspec.Raw(body))
            if not (response.kept and running.keeps_bodies):
                left = Unfinished(call.key_id, msgspec.Raw(wire.bare(queued)))
            await asyncio.to_thread(self._files.add, response.id, left)
            if self._stopping:
                raise Stopping("The endpoint is being stopped.")
        except BaseException:
            self._forget(response)
            raise
        self._tasks[response.id] = asyncio.create_task(self._run(response, running, request))
        return response

    async def _run(self, response: BackgroundResponse, running: RunningCall, request: Request) -> None:
        running.tell_instead(response.record)
        try:
            await self._ask(response, running, request)
            await self._put_away(response, running)
        finally:
            del self._tasks[response.id]
            self._places.give_back(response.key_id)
            asyncio.get_running_loop().call_later(self._settings.keep_seconds, self._forget, response)

    async def _ask(self, response: BackgroundResponse, running: RunningCall, request: Request) -> None:
        began = False
        try:
            async with asyncio.timeout(self._settings.max_seconds):
                if response.halted:
                    raise asyncio.CancelledError
                response.begin()
                answer = await running.ask(request)
                if not request.stream:
                    response.answer(answer)
                    return
                while answer:
                    began = True
                    response.add(answer)
                    answer = await running.next_piece()
        except FreeholdError as error:
            running.fail(error, status_of(error))  # a stream that broke is on record already
        except TimeoutError:
            most = self._settings.max_seconds
            late = ProviderTimeout(
                f"The response was not complete within {most:g} s.",
                provider=running.call.provider or "",
                phase="total",
            )
            running.break_off(late) if began else running.fail(late, late.status)
        except asyncio.CancelledError:
            if not self._stopping:
                running.cancel("cancelled", status=200)
                return
            stopping = Stopping("The endpoint was stopped while this response was running.")
            running.break_off(stopping) if began else running.fail(stopping, stopping.status)
        except Exception:  # the last line of defence, as in the gateway
            log.exception("a call ended in an error of ours", extra=running.named)
            running.fail(FreeholdError("Something went wrong here."), 500)

    async def _put_away(self, response: BackgroundResponse, running: RunningCall) -> None:
        """Once it is on record, the file that says that it is not finished can go."""

        def put_away() -> None:
            if self._settle() or not (response.kept and running.keeps_bodies):
                self._files.remove(response.id)

        try:
            await asyncio.to_thread(put_away)
        except StoreError as error:
            log.warning("%s", error)
        response.body = b""

    def _forget(self, response: BackgroundResponse) -> None:
        if self._responses.pop(response.id, None) is not None:
            response.forget()

    def _make_room(self) -> None:
        """Let go of the oldest events: first of what has ended, then of what runs."""
        for ended in (True, False):
            for response in self._responses.values():
                while response.ended is ended and self._room.held > self._room.limit:
                    if not response.drop_oldest_event():
                        break

    # What their clients ask

    def find(self, response_id: str, key: Key | None) -> BackgroundResponse | None:
        """One that this process knows of."""
        found = self._responses.get(response_id)
        return found if found is not None and found.key_id == (None if key is None else key.id) else None

    def find_cut_off(self, response_id: str, key: Key | None) -> tuple[bytes, bytes] | None:
        """Of one that another process runs, or ran when it ended: its Response object and its request. Waits."""
        left = None if response_id in self._responses else self._files.find(response_id)
        if left is None or left.key_id != (None if key is None else key.id):
            return None
        if self._files.is_running(left):
            return wire.standing(bytes(left.response), "in_progress"), bytes(left.request)
        told = wire.failed(bytes(left.response), Stopping(_CUT_OFF))
        return told, bytes(left.request)

    async def cancel(self, response: BackgroundResponse) -> None:
        """End it, unless it has ended. Returns when it is on record."""
        task = self._tasks.get(response.id)
        if task is not None:
            self._halt(response)
            await asyncio.wait([task])

    def _halt(self, response: BackgroundResponse) -> None:
        """End it, unless it has ended or is about to."""
        if not response.ended and not response.halted:
            response.halted = True
            if response.begun:  # a task that is cancelled before its first step takes none at all
                self._tasks[response.id].cancel()

    async def delete(self, response_id: str) -> None:
        """Let go of what is known of it here and on the disk; one that runs is cancelled."""
        response = self._responses.get(response_id)
        if response is not None:
            await self.cancel(response)
            self._forget(response)
        await asyncio.to_thread(self._files.remove, response_id)

    async def answer(self, body: bytes) -> AsyncIterator[bytes]:
        """What another process wants to know of a response, for a client of its own."""
        asked = decode_asked(body)
        response = self._responses.get(asked.id)
        if response is None or response.key_id != asked.key_id:
            yield NO
            return
        if asked.what == "follow":
            try:
                response.check(asked.after)
            except BadRequest as error:
                yield refusal_of(error)
                return
        elif asked.what == "cancel":
            await self.cancel(response)
        elif asked.what == "delete":
            await self.delete(asked.id)
        yield encode_told(Told(response.object, response.call.losses))
        if asked.what == "follow":
            async for piece in response.follow(asked.after):
                yield piece

    # The end

    def interrupt(self) -> None:
        """The endpoint stops: end all that run. None is begun any more."""
        self._stopping = True
        for response_id in self._tasks:
            self._halt(self._responses[response_id])

    async def stop(self) -> None:
        """The same, and wait for it."""
        self.interrupt()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _queued(call: Call, request: Request) -> bytes:
    """The Response object of a call that has not begun. Raises BadRequest."""
    asked = as_asked(request.decoded(), request)
    return wire.queued(asked, call.id, call.started_us // 1_000_000)
