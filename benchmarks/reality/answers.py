"""One recorded answer, whole or streamed, given to a client of another dialect: what was lost without a word."""

from __future__ import annotations

import contextlib
import copy

import msgspec

from freehold.core.answer import Answer
from freehold.core.errors import BadRequest
from freehold.core.events import End, ErrorSeen, Event, PartBegin, Sign
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.parts import Media, Part, Reasoning, State, Text, ToolCall
from freehold.core.request import ChatRequest, Tool
from freehold.wire.dialect import Addressee, DialectName
from freehold.wire.dialects import dialect_of
from freehold.wire.framing import splitter_for

from .official import accumulate, parse_answer
from .recordings import Recorded
from .same_answer import differences

MAKER = "maker"
"""The name of the provider that every answer is from."""


class Gone(msgspec.Struct):
    """What came of one crossing."""

    problems: list[str]
    losses: tuple[str, ...]


def cross_answer(recorded: Recorded, target: DialectName) -> Gone:
    """The whole answer, encoded for a client of `target`."""
    assert recorded.answer is not None
    answer = dialect_of(recorded.dialect).decode_answer(recorded.answer)
    for choice in answer.choices:
        choice.parts = [_of_maker(part) for part in choice.parts]
    losses, speaker = Losses(), dialect_of(target)
    body = speaker.encode_answer(answer, _addressee(recorded, target), losses)
    problems = _sdk_problem(lambda: parse_answer(target, body))
    problems += differences(answer, speaker.decode_answer(body), losses, target)
    return Gone(problems, losses.names)


def cross_stream(recorded: Recorded, target: DialectName) -> Gone:
    """The stream, encoded for a client of `target`: a whole answer is streamed as its events."""
    if recorded.frames is None:
        assert recorded.answer is not None
        events = list(events_of(dialect_of(recorded.dialect).decode_answer(recorded.answer)))
    else:
        reader = dialect_of(recorded.dialect).decode_stream()
        events = [event for frame in recorded.frames for event in reader.read(frame)] + reader.finish()
    events = [_event_of_maker(event) for event in events]
    failed = isinstance(events[-1], ErrorSeen) if events else False
    losses = Losses()
    frames = _written(events, target, _addressee(recorded, target), losses)
    told = _gathered(events)
    if failed:
        return Gone([], losses.names)  # an error has no answer to compare
    problems = [] if events and isinstance(events[-1], End) else ["the recording is cut"]
    snapshots: list[bytes] = []

    def put_together() -> None:
        whole = accumulate(target, frames)
        if whole is not None:
            snapshots.append(whole)

    problems += _sdk_problem(put_together)
    speaker = dialect_of(target)
    again = speaker.decode_stream()
    heard = [event for frame in frames for event in again.read(frame)] + again.finish()
    problems += differences(told, _gathered(heard), losses, target)
    for whole in snapshots:
        seen = differences(told, speaker.decode_answer(whole), losses, target, official=True)
        problems += [f"as the SDK puts it together: {problem}" for problem in seen]
    return Gone(problems, losses.names)


def _written(events: list[Event], target: DialectName, addressee: Addressee, losses: Losses) -> list[bytes]:
    writer = dialect_of(target).encode_stream(addressee, losses)
    splitter = splitter_for("sse")
    return [frame for event in events for frame in splitter.feed(writer.write(event)) if frame.strip()]


def _sdk_problem(attempt: object) -> list[str]:
    try:
        attempt()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - whatever the SDK does not take is the problem
        return [f"the SDK: {type(error).__name__}: {' '.join(str(error).split())[:300]}"]
    return []


def _gathered(events: list[Event]) -> Answer:
    gathering = Gathering()
    for event in events:
        gathering.add(copy.copy(event))
    return gathering.finish()


def _addressee(recorded: Recorded, target: DialectName) -> Addressee:
    """Whoever asked what was recorded, in the dialect `target`."""
    request = ChatRequest(model="asked", messages=[])
    if recorded.request is not None:
        with contextlib.suppress(NotImplementedError, BadRequest):
            request = dialect_of(recorded.dialect).decode_request(recorded.request)
    request.tools = [
        msgspec.structs.replace(tool, extra={}) for tool in request.tools if isinstance(tool, Tool)
    ]
    request.tool_choice = request.reasoning = None  # in words of the other dialect
    request.dialect, request.extra, request.stream_usage, request.legacy = target, {}, True, False
    return Addressee(request=request, id="call_0123456789abcdef0123456789abcdef", created=1_700_000_000)


def _of_maker(part: Part) -> Part:
    if not isinstance(part, Text | Media | ToolCall | Reasoning) or part.state is None:
        return part
    part = copy.copy(part)
    part.state = _state_of_maker(part.state)
    return part


def _state_of_maker(state: State | None) -> State | None:
    return None if state is None else msgspec.structs.replace(state, origin=MAKER)


def _event_of_maker(event: Event) -> Event:
    """As the engine has it: state is marked with who made it."""
    if isinstance(event, Sign):
        return Sign(event.choice, event.index, msgspec.structs.replace(event.state, origin=MAKER))
    if isinstance(event, PartBegin):
        return PartBegin(event.choice, event.index, _of_maker(event.part))
    return event
