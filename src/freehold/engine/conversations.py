"""What OpenAI's Responses API keeps on the server, kept in the ledger: so it goes on with any model.

An answer's id names its call; the call's bodies are its state. Where bodies are not kept, nothing can be continued.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Literal, Protocol

import msgspec

from freehold.access.key import Key
from freehold.core.errors import BadRequest, NotFound, UnknownResponse
from freehold.core.fields import Fields
from freehold.engine.aside import aside
from freehold.engine.background.background import Background
from freehold.engine.background.elsewhere import Asked, Elsewhere, Told
from freehold.engine.background.response import BackgroundResponse
from freehold.engine.naming import PREFIX
from freehold.ledger.record import Call
from freehold.wire.request import Request, read_responses_request
from freehold.wire.responses import background as wire
from freehold.wire.responses import items
from freehold.wire.sse import EventSplitter, data_of

_MOST_TURNS = 500
_MOST_SEARCHED = 20
"""Answers that are searched for the items that a request names."""
_OURS = re.compile(r"[a-z]+_([0-9a-f]{32})_(?:in)?\d+", re.ASCII)
"""The name of an item that Freehold has made of its call's."""
_ENDINGS = (b"response.completed", b"response.incomplete", b"response.failed")

_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_text = msgspec.json.Decoder(str | None).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode


class Memory(Protocol):
    """The calls on record. Its methods may wait for the disk, and are called from threads of their own."""

    def recall(self, call_id: str) -> Call | None:
        """The call with its bodies, if it is on record."""

    def recent(self, key_id: str | None, limit: int) -> list[str]:
        """Ids of the newest chats with this key, the newest first."""

    def forget(self, call_id: str) -> None:
        """Let go of the call's bodies."""


class Turn(msgspec.Struct, frozen=True):
    """One request and what it was answered with."""

    id: str
    """Of the response."""
    request: bytes
    """The client's own request."""
    answer: bytes
    """The Response object, as the client was given it."""
    stream: bytes | None = None
    """The events that it was given, when it was a stream."""
    losses: tuple[str, ...] = ()


class Conversations:
    """Continues, shows and deletes answers of the Responses API."""

    def __init__(
        self,
        memory: Memory,
        *,
        limit: int,
        background: Background | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`limit`: bytes that a continued request may grow to. `elsewhere`: other processes, whose responses in the
        background are found here, too.
        """
        self._elsewhere = elsewhere
        self._memory = memory
        self._limit = limit
        self._background = background

    async def resume(self, request: Request, body: bytes, key: Key | None) -> Request:
        """The request with the conversation that it continues before its own input, and without what is Freehold's to
        do. Raises BadRequest.
        """
        fields = request.fields
        if bytes(fields.get("conversation", b"null")) != b"null":
            raise BadRequest(
                "`conversation` is not served here.",
                hint="Go on with `previous_response_id`, or send the items yourself.",
                param="conversation",
            )
        background = _flag_of(fields, "background")
        previous = _text_of(fields, "previous_response_id")
        named = await aside(len(body), lambda: items.referred(body))
        if previous is not None or named:
            request = await asyncio.to_thread(self._resume, body, previous, named, key)
        if _OURS_TO_DO.isdisjoint(request.fields):
            return request
        lost = request.lost
        if background and bytes(fields.get("background_options", b"null")) != b"null":
            lost += ("field.background_options",)
        theirs = {name: value for name, value in request.fields.items() if name not in _OURS_TO_DO}
        return msgspec.structs.replace(request, fields=theirs, background=background, lost=lost)

    def _resume(self, body: bytes, previous: str | None, named: list[str], key: Key | None) -> Request:
        kept: list[bytes] = []
        lost: tuple[str, ...] = ()
        if previous is not None:
            turns = self._turns(previous, key, param="previous_response_id")
            if wire.status_of(turns[-1].answer) in wire.UNENDED:
                raise BadRequest(
                    f"The response `{previous[:100]}` is not complete yet.",
                    hint="Wait until it is, or cancel it.",
                    param="previous_response_id",
                )
            kept = self._kept(turns)
            if _text_of(_decode_fields(turns[0].request), "previous_response_id") is not None:
                lost = ("conversation",)
        here = items.names_of(kept) if named else set()
        beside = self._found([name for name in named if name not in here], key)
        request = read_responses_request(items.continued(body, kept, beside, most=self._limit))
        request.continues = previous
        request.lost = lost
        return request

    def _found(self, named: list[str], key: Key | None) -> list[bytes]:
        """The items of these names in the answers that the holder of `key` had last; not all of them need be there.

        The name of an item may be the provider's, so that nothing but the answer says whose it is.
        """
        wanted = set(named)
        found: list[bytes] = []
        for call_id in self._answers_with(named, key) if wanted else ():
            try:
                turn = self._find(PREFIX + call_id.removeprefix("call_"), key, None)
            except NotFound:
                continue
            found += [one for one in self._kept([turn]) if not wanted.isdisjoint(items.names_of([one]))]
            wanted -= items.names_of(found)
            if not wanted:
                break
        return found

    def _answers_with(self, named: list[str], key: Key | None) -> Iterator[str]:
        """Ids of the calls in whose answers these items may be, the likeliest first."""
        ours = {f"call_{match[1]}": None for name in named if (match := _OURS.fullmatch(name))}
        yield from islice(ours, _MOST_TURNS)
        for call_id in self._memory.recent(None if key is None else key.id, _MOST_SEARCHED):
            if call_id not in ours:
                yield call_id

    def _turns(self, response_id: str, key: Key | None, *, param: str | None = None) -> list[Turn]:
        """The turn and all that it continues, oldest first. It begins behind one that is not kept any more."""
        turns: list[Turn] = []
        wanted: str | None = response_id
        size = 0
        while wanted is not None:
            try:
                turn = self._find(wanted, key, param)
            except (NotFound, UnknownResponse):
                if not turns:
                    raise
                break
            turns.append(turn)
            size += len(turn.request) + len(turn.answer)
            if size > self._limit or len(turns) > _MOST_TURNS:
                raise BadRequest("The conversation is too long to be continued.", param=param)
            wanted = _text_of(_decode_fields(turn.request), "previous_response_id")
        turns.reverse()
        return turns

    @staticmethod
    def _kept(turns: list[Turn]) -> list[bytes]:
        kept: list[bytes] = []
        for turn in turns:
            kept += items.input_items(turn.request, turn.id)
            kept += items.output_items(turn.answer)
        return kept

    def _find(self, response_id: str, key: Key | None, param: str | None) -> Turn:
        """One turn of the holder of `key`: what belongs to others does not exist for it."""
        running = self.find_running(response_id, key)
        if running is not None and running.body:
            return Turn(running.id, running.body, running.object)
        call = None
        if response_id.startswith(PREFIX) and response_id.isascii() and len(response_id) <= _LONGEST:
            call = self._memory.recall("call_" + response_id.removeprefix(PREFIX))
        if (
            call is not None
            and call.dialect == "openai-responses"
            and call.key_id == (None if key is None else key.id)
            and call.request_body is not None
            and call.answer_body is not None
            and _is_stored(call.request_body)
        ):
            whole = call.answer_body.startswith(b"{")
            answer = call.answer_body if whole else _response_in(call.answer_body)
            if answer is not None:
                stream = None if whole else call.answer_body
                return Turn(response_id, call.request_body, answer, stream, call.losses)
        left = None if self._background is None else self._background.find_cut_off(response_id, key)
        if left is None:
            raise _unknown(response_id, param)
        return Turn(response_id, left[1], left[0])

    def find_running(self, response_id: str, key: Key | None) -> BackgroundResponse | None:
        """One that runs in the background, or did a moment ago."""
        return None if self._background is None else self._background.find(response_id, key)

    async def show(self, response_id: str, key: Key | None) -> tuple[bytes, tuple[str, ...]]:
        """The Response object as it stands, and what was lost on its way. Raises NotFound."""
        running = self.find_running(response_id, key)
        if running is not None:
            return running.object, running.call.losses
        if (found := await self._ask_elsewhere("show", response_id, key)) is not None:
            return found[0].response, found[0].losses
        turn = await asyncio.to_thread(self._find, response_id, key, None)
        return turn.answer, turn.losses

    async def replay(self, response_id: str, key: Key | None, *, after: int) -> AsyncIterator[bytes]:
        """The events of its stream behind the one numbered `after`, as they come if it runs. Raises NotFound, and
        BadRequest when they cannot be told.
        """
        running = self.find_running(response_id, key)
        if running is not None:
            running.check(after)
            return running.follow(after)
        if (found := await self._ask_elsewhere("follow", response_id, key, after)) is not None:
            return found[1]
        turn = await asyncio.to_thread(self._find, response_id, key, None)
        if turn.stream is None:
            raise BadRequest(
                f"There are no events of the response `{response_id[:100]}`.",
                hint="Ask for it without `stream`.",
                param="stream",
            )
        return _events_after(turn.stream, after)

    async def list_input(
        self,
        response_id: str,
        key: Key | None,
        *,
        after: str | None,
        limit: int,
        order: Literal["asc", "desc"],
    ) -> bytes:
        """The input items of a response, those of the turns before included. Raises NotFound, BadRequest."""
        return await asyncio.to_thread(self._list_input, response_id, key, after, limit, order)

    def _list_input(
        self, response_id: str, key: Key | None, after: str | None, limit: int, order: Literal["asc", "desc"]
    ) -> bytes:
        *former, last = self._turns(response_id, key)
        kept = [*self._kept(former), *items.input_items(last.request, response_id)]
        return items.item_list(kept, after=after, limit=limit, order=order)

    async def delete(self, response_id: str, key: Key | None) -> bytes:
        """Let go of the answer; says that it is deleted. One that runs is cancelled. Raises NotFound."""
        running = self.find_running(response_id, key)
        if running is None and await self._ask_elsewhere("delete", response_id, key) is None:
            await asyncio.to_thread(self._find, response_id, key, None)
        if self._background is not None:
            await self._background.delete(response_id)
        await asyncio.to_thread(self._memory.forget, "call_" + response_id.removeprefix(PREFIX))
        return items.deleted(response_id)

    async def cancel(self, response_id: str, key: Key | None) -> bytes:
        """End one that runs in the background; one that has ended stays what it is. Gives the Response object.

        Raises NotFound, and BadRequest for one that never ran in the background.
        """
        running = self.find_running(response_id, key)
        if running is not None and self._background is not None:
            await self._background.cancel(running)
            return running.object
        if (found := await self._ask_elsewhere("cancel", response_id, key)) is not None:
            return found[0].response
        turn = await asyncio.to_thread(self._find, response_id, key, None)
        if not _flag_of(_decode_fields(turn.answer), "background"):
            raise BadRequest(
                "Only a response that was created with `background: true` can be cancelled.",
                hint="Hang up to end one that is being answered.",
            )
        return turn.answer

    async def _ask_elsewhere(
        self,
        what: Literal["show", "follow", "cancel", "delete"],
        response_id: str,
        key: Key | None,
        after: int = -1,
    ) -> tuple[Told, AsyncIterator[bytes]] | None:
        if self._elsewhere is None or not response_id.startswith(PREFIX):
            return None
        return await self._elsewhere.ask(Asked(what, response_id, None if key is None else key.id, after))


async def _events_after(stream: bytes, after: int) -> AsyncIterator[bytes]:
    kept = [frame for frame in EventSplitter().feed(stream + b"\n\n") if wire.number_of(frame) > after]
    if kept:
        yield b"\n\n".join(kept) + b"\n\n"


def _is_stored(body: bytes) -> bool:
    try:
        return _decode_flag(_decode_fields(body).get("store", b"null")) is not False
    except msgspec.DecodeError:
        return False


def _text_of(fields: Fields, name: str) -> str | None:
    try:
        return _decode_text(fields[name]) if name in fields else None
    except msgspec.DecodeError:
        raise BadRequest(f"The field `{name}` is not a string.", param=name) from None


def _flag_of(fields: Fields, name: str) -> bool:
    try:
        return _decode_flag(fields[name]) is True if name in fields else False
    except msgspec.DecodeError:
        raise BadRequest(f"The field `{name}` is neither true nor false.", param=name) from None


def _response_in(stream: bytes) -> bytes | None:
    """The Response object of a stream's last event; None when it was cut before that."""
    for event in reversed(EventSplitter().feed(stream + b"\n\n")):
        data = data_of(event)
        if data is None or not any(ending in data[:200] for ending in _ENDINGS):
            continue
        try:
            return bytes(_decode_fields(data)["response"])
        except (msgspec.DecodeError, KeyError):
            return None
    return None


def _unknown(response_id: str, param: str | None) -> BadRequest | NotFound:
    text = f"No response is called `{response_id[:100]}`, or it is not kept."
    if param is None:
        return NotFound(text)
    return UnknownResponse(text, param=param)


_LONGEST = 100
_OURS_TO_DO = frozenset({"background", "background_options"})
"""Fields that mean nothing to whoever answers: it is Freehold that answers later."""
