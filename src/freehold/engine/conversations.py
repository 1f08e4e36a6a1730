"""What OpenAI's Responses API keeps on the server, kept in the ledger: so it goes on with any model.

An answer's id names its call; the call's bodies are its state. Where bodies are not kept, nothing can be continued.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from freehold.access.key import Key
from freehold.core.errors import BadRequest, NotFound, UnknownResponse
from freehold.core.fields import Fields
from freehold.core.parts import State
from freehold.engine.naming import PREFIX, response_id_of
from freehold.ledger.record import Call
from freehold.wire.request import Request, read_responses_request
from freehold.wire.responses import items
from freehold.wire.sealing import MARK, seal
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
    """One answered request."""

    call: Call
    answer: bytes
    """The Response object, as the client was given it."""

    @property
    def request(self) -> bytes:
        """The client's own request."""
        return self.call.request_body or b"{}"


class Conversations:
    """Continues, shows and deletes answers of the Responses API."""

    def __init__(self, memory: Memory, *, limit: int) -> None:
        """`limit`: bytes that a continued request may grow to."""
        self._memory = memory
        self._limit = limit

    async def resume(self, request: Request, body: bytes, key: Key | None) -> Request:
        """The request with the conversation that it continues before its own input. Raises BadRequest."""
        fields = request.fields
        for name, hint in _UNSERVED.items():
            if bytes(fields.get(name, b"null")) not in (b"null", b"false"):
                raise BadRequest(f"`{name}` is not served here.", hint=hint, param=name)
        previous = _text_of(fields, "previous_response_id")
        named = items.referred(body)
        if previous is None and not named:
            return request
        return await asyncio.to_thread(self._resume, body, previous, named, key)

    def _resume(self, body: bytes, previous: str | None, named: list[str], key: Key | None) -> Request:
        kept: list[bytes] = []
        if previous is not None:
            kept = self._kept(self._turns(previous, key, param="previous_response_id"))
        beside = self._found([name for name in named if not _is_among(name, kept)], key)
        request = read_responses_request(items.continued(body, kept, beside))
        request.continues = previous
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
            here = [item for item in self._kept([turn]) if any(_is_among(name, [item]) for name in wanted)]
            found += here
            wanted = {name for name in wanted if not _is_among(name, here)}
            if not wanted:
                break
        return found

    def _answers_with(self, named: list[str], key: Key | None) -> Iterator[str]:
        """Ids of the calls in whose answers these items may be, the likeliest first."""
        ours = {f"call_{match[1]}": None for name in named if (match := _OURS.fullmatch(name))}
        yield from ours
        for call_id in self._memory.recent(None if key is None else key.id, _MOST_SEARCHED):
            if call_id not in ours:
                yield call_id

    def _turns(self, response_id: str, key: Key | None, *, param: str | None = None) -> list[Turn]:
        """The turn and all that it continues, oldest first."""
        turns: list[Turn] = []
        wanted: str | None = response_id
        size = 0
        while wanted is not None:
            turn = self._find(wanted, key, param)
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
            kept += items.input_items(turn.request, response_id_of(turn.call.id))
            origin = turn.call.provider or ""
            kept += [_sealed(item, origin) for item in items.output_items(turn.answer)]
        return kept

    def _find(self, response_id: str, key: Key | None, param: str | None) -> Turn:
        """One turn of the holder of `key`: what belongs to others does not exist for it."""
        call = None
        if response_id.startswith(PREFIX) and response_id.isascii() and len(response_id) <= _LONGEST:
            call = self._memory.recall("call_" + response_id.removeprefix(PREFIX))
        if (
            call is None
            or call.dialect != "openai-responses"
            or call.key_id != (None if key is None else key.id)
            or call.request_body is None
            or call.answer_body is None
            or not _is_stored(call.request_body)
        ):
            raise _unknown(response_id, param)
        answer = _response_in(call.answer_body) if call.streamed else call.answer_body
        if answer is None:
            raise _unknown(response_id, param)
        return Turn(call, answer)

    async def show(self, response_id: str, key: Key | None) -> bytes:
        """The Response object. Raises NotFound."""
        return (await asyncio.to_thread(self._find, response_id, key, None)).answer

    async def list_input(
        self,
        response_id: str,
        key: Key | None,
        *,
        after: str | None,
        limit: int,
        order: Literal["asc", "desc"],
    ) -> bytes:
        """The input items of a response, those of the turns before included. Raises NotFound."""
        return await asyncio.to_thread(self._list_input, response_id, key, after, limit, order)

    def _list_input(
        self, response_id: str, key: Key | None, after: str | None, limit: int, order: Literal["asc", "desc"]
    ) -> bytes:
        *former, last = self._turns(response_id, key)
        kept = [*self._kept(former), *items.input_items(last.request, response_id)]
        return items.item_list(kept, after=after, limit=limit, order=order)

    async def delete(self, response_id: str, key: Key | None) -> bytes:
        """Let go of the answer; says that it is deleted. Raises NotFound."""
        turn = await asyncio.to_thread(self._find, response_id, key, None)
        await asyncio.to_thread(self._memory.forget, turn.call.id)
        return items.deleted(response_id)

    async def cancel(self, response_id: str, key: Key | None) -> bytes:
        """Raises BadRequest: what is on record has ended. NotFound when it is not."""
        await asyncio.to_thread(self._find, response_id, key, None)
        raise BadRequest("Only a response that runs in the background can be cancelled.")


def _is_among(name: str, kept: Sequence[bytes]) -> bool:
    quoted = msgspec.json.encode(name)
    return any(quoted in item and _text_of(_decode_fields(item), "id") == name for item in kept)


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


def _sealed(item: bytes, origin: str) -> bytes:
    """The item with the name of who made its encrypted reasoning, where that is not in it yet."""
    if b"encrypted_content" not in item:
        return item
    fields = _decode_fields(item)
    text = _text_of(fields, "encrypted_content")
    if text is None or text.startswith(MARK):
        return item
    state = State(data=text, kind="encrypted", origin=origin)
    return msgspec.json.encode({**fields, "encrypted_content": msgspec.Raw(msgspec.json.encode(seal(state)))})


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
_UNSERVED = {
    "background": "Ask for a stream instead.",
    "conversation": "Go on with `previous_response_id`, or send the items yourself.",
}
