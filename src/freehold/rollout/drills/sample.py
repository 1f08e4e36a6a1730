"""The calls that a drill is tried on: a random sample of a route's own, as far as they can be asked again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from freehold.compare.suites.sampling import LONGEST_REQUEST
from freehold.core.errors import FreeholdError
from freehold.core.parts import Media, Message, Text
from freehold.core.request import ChatRequest, HostedTool
from freehold.ledger.drawing import Numbers
from freehold.ledger.filters import Filter
from freehold.rollout.carrying.sampled import NOT_TRAFFIC
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)

if TYPE_CHECKING:
    from freehold.ledger.reading import Entry, LedgerReader

_LOOKED_AT = 20
"""Calls that are looked at for each that is wanted, at the most: some cannot be asked again."""
_TOGETHER = 100
_QUESTION = 2_000
_NULL = b"null"

HOSTED = "use a tool that their provider runs, which would act a second time"
BACKGROUND = "were answered in the background"
GOES_ON = "go on from an answer that the request does not repeat"
UNREADABLE = "have a request that cannot be read"
GONE = "have a request that is no longer kept"
TOO_LONG = "are too long"
BODILESS = "were recorded without their bodies"


class Replayable(msgspec.Struct, frozen=True):
    """A call on record that can be asked again, and what came of it then."""

    id: str
    """Of the call."""
    route: str
    dialect: str
    body: bytes
    asked: ChatRequest
    task: str
    """Its class of tasks."""
    streamed: bool
    cost: Decimal | None
    model: str
    """`provider/model` that answered it."""
    reported: str | None
    input_tokens: int | None
    output_tokens: int | None
    first_ms: float | None
    duration_ms: float
    holds_state: bool

    def request(self) -> Request:
        """What was asked, read anew."""
        return request_in(self.dialect, self.body, self.route, streamed=self.streamed)

    @property
    def question(self) -> str:
        """What was asked last, in words."""
        said = [one for one in self.asked.messages if one.role == "user"]
        return _words(said[-1:])[:_QUESTION]

    @property
    def instructions(self) -> str:
        """Of whoever made the application."""
        return _words([one for one in self.asked.messages if one.role in ("system", "developer")])[:_QUESTION]


class Sample(msgspec.Struct):
    """The calls of one route that were drawn."""

    route: str
    calls: list[Replayable]
    found: int
    """Answered calls on record whose request is kept."""
    left_out: dict[str, int]
    """Calls that were looked at and cannot be asked again, by why."""


def sample_of(history: LedgerReader, route: str, *, since_us: int, wanted: int, seed: int) -> Sample:
    """Up to `wanted` calls of a route, drawn at random: the same for the same seed and ledger."""
    numbers = Numbers(
        Filter(route=route, operation="chat", outcome="answered", since_us=since_us),
        without_keys=NOT_TRAFFIC,
        longest=LONGEST_REQUEST,
    )
    drawn, found = _drawn(history, numbers, wanted * _LOOKED_AT, seed)
    left_out: Counter[str] = Counter()
    kept: list[Replayable] = []
    for entry in _entries(history, drawn):
        if len(kept) == wanted:
            break
        try:
            kept.append(_replayable(entry))
        except _Unfit as why:
            left_out[str(why)] += 1
    left_out[TOO_LONG] += numbers.too_long
    left_out[BODILESS] += numbers.without_body
    return Sample(route, kept, found, {why: many for why, many in left_out.most_common() if many})


class _Unfit(Exception):
    """The call cannot be asked again; the message says why."""


def _drawn(history: LedgerReader, numbers: Numbers, most: int, seed: int) -> tuple[list[int], int]:
    """A random order of up to `most` numbers, and how many there are."""
    dice, kept, found = random.Random(seed), list[int](), 0
    for some in history.numbers(numbers) if history.exists else ():
        for number in some:
            found += 1
            if len(kept) < most:
                kept.append(number)
            elif (place := dice.randrange(found)) < most:
                kept[place] = number
    dice.shuffle(kept)
    return kept, found


def _entries(history: LedgerReader, numbers: list[int]) -> Iterator[Entry]:
    for at in range(0, len(numbers), _TOGETHER):
        yield from history.numbered(numbers[at : at + _TOGETHER])


def _replayable(entry: Entry) -> Replayable:
    call = entry.call
    if call.request_body is None:
        raise _Unfit(GONE)
    try:
        request = request_in(call.dialect, call.request_body, call.route or "any", streamed=call.streamed)
        asked = request.decoded()
    except FreeholdError:
        raise _Unfit(UNREADABLE) from None
    refuse_side_effects(request, asked)
    return Replayable(
        id=call.id,
        route=call.route or "",
        dialect=call.dialect,
        body=call.request_body,
        asked=asked,
        task=shape_of(asked),
        streamed=request.stream,
        cost=entry.cost.amount,
        model=f"{call.provider}/{call.model}",
        reported=call.reported_model,
        input_tokens=call.usage.input_tokens,
        output_tokens=call.usage.output_tokens,
        first_ms=call.first_token_ms,
        duration_ms=call.duration_ms,
        holds_state=request.holds_state,
    )


def refuse_side_effects(request: Request, asked: ChatRequest) -> None:
    """Raises where asking again would do something a second time, or would not be the same question."""
    if any(isinstance(tool, HostedTool) for tool in asked.tools) or _given(request, "mcp_servers"):
        raise _Unfit(HOSTED)
    if request.background or bytes(request.fields.get("background", _NULL)) == b"true":
        raise _Unfit(BACKGROUND)
    if any(_given(request, name) for name in ("previous_response_id", "conversation", "prompt")):
        raise _Unfit(GOES_ON)


def _given(request: Request, name: str) -> bool:
    return bytes(request.fields.get(name, _NULL)) not in (_NULL, b"[]")


def shape_of(asked: ChatRequest) -> str:
    """A class of tasks that can be told without reading what was asked."""
    if any(isinstance(part, Media) for one in asked.messages for part in one.parts):
        return "media"
    if asked.tools:
        return "tools"
    if asked.response_format is not None and asked.response_format.kind != "text":
        return "structured"
    return "text"


def request_in(dialect: str, body: bytes, route: str, *, streamed: bool) -> Request:
    """The request of a recorded call. Raises BadRequest."""
    match dialect:
        case "openai-chat":
            return read_chat_request(body)
        case "anthropic-messages":
            return read_messages_request(body)
        case "openai-responses":
            return read_responses_request(body)
        case "gemini":
            return read_gemini_request(body, route, stream=streamed)
    raise _Unfit(UNREADABLE)


def _words(messages: list[Message]) -> str:
    return "\n".join(part.text for one in messages for part in one.parts if isinstance(part, Text))
