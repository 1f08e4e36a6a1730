"""Feedback at the door: what a client says of the answer to one of its calls."""

from __future__ import annotations

import msgspec

from freehold.core.errors import MethodNotAllowed, NotFound, Overloaded
from freehold.core.moments import Moment, iso
from freehold.core.places import Places
from freehold.engine.naming import PREFIX as RESPONSE
from freehold.gateway.gate import Gate
from freehold.gateway.intake import Heading, Scope, read_body
from freehold.gateway.replies import JSON, Receive, Send, send_whole
from freehold.gateway.settings import ServerSettings
from freehold.ledger.feedback import MOST_CORRECTED, MOST_WORDS, Kind
from freehold.ledger.opinions import Opinions, read_given

_CALLS = "/v1/calls/"
_WHAT = "feedback"
_MOST_BYTES = 12 * (MOST_CORRECTED + MOST_WORDS) + 1000
"""Of a body: a correction and a text of the most characters, each escaped as two halves (`\\ud83d\\ude00`)."""
_AT_ONCE = 100
_LONGEST_ID = 100


class Kept(msgspec.Struct):
    """What the client is told of feedback that is kept."""

    call: str
    name: str
    kind: Kind
    number: float | None
    at: Moment


class FeedbackDoor:
    """Answers everything below `/v1/calls/`."""

    def __init__(self, opinions: Opinions, gate: Gate, settings: ServerSettings) -> None:
        self._opinions = opinions
        self._gate = gate
        self._settings = msgspec.structs.replace(
            settings, max_body_bytes=min(settings.max_body_bytes, _MOST_BYTES)
        )
        self._places = Places(_AT_ONCE)

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the path is one of these."""
        return path.startswith(_CALLS)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises NotFound, MethodNotAllowed, BadRequest, Overloaded."""
        heading = Heading(scope["headers"])
        key = await self._gate.let_in(heading.token)
        path: str = scope["path"]
        name, _, what = path.removeprefix(_CALLS).partition("/")
        if what != _WHAT or not name:
            raise NotFound(f"There is nothing at `{path[:200]}`.", hint="Calls take `/feedback`.")
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"`{path[:200]}` takes POST.")
        if not self._places.take(key.id):
            raise Overloaded("Too much feedback is coming in.", hint="Try again in a moment.")
        try:
            room = _AT_ONCE * self._settings.max_body_bytes
            given = read_given(await read_body(heading, scope, receive, self._settings, room=room))
            kept = await self._opinions.give(_call_id(name), given, key_id=key.id)
        finally:
            self._places.give_back(key.id)
        said = Kept(kept.call_id, kept.name, kept.kind, kept.number, iso(kept.at_us))
        await send_whole(send, 200, [JSON], msgspec.json.encode(said))


def _call_id(name: str) -> str:
    """The call that is meant: by its own id, or by that of its answer in the Responses API."""
    if len(name) > _LONGEST_ID or not name.isascii() or "\0" in name:
        raise NotFound("No call has such an id.", hint="The header `x-freehold-call` of an answer says it.")
    return "call_" + name.removeprefix(RESPONSE) if name.startswith(RESPONSE) else name
