"""Asking a recorded call again while its provider is lost, and judging what its client would have had."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec

from freehold.access.key import Key
from freehold.core.answer import Answer
from freehold.core.errors import FreeholdError
from freehold.core.events import End
from freehold.core.gathering import Gathering
from freehold.core.parts import Media, Refusal, Text, ToolCall
from freehold.core.request import ChatRequest, Tool
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.engine.structured import check
from freehold.ledger.record import Call
from freehold.rollout.drills.sample import Replayable
from freehold.wire.dialect import DialectName, NotAnAnswer
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.openai_errors import status_of
from freehold.wire.sse import EventSplitter, EventTooLarge

GRACE = 2.0
"""Seconds after the deadline in which a late answer is still seen to be one."""

Verdict = Literal["answered", "late", "refused", "broken", "truncated", "unacceptable", "hung"]
"""
answered      complete and acceptable, inside the deadline
late          complete and acceptable, but too late
refused       an error in place of an answer
broken        a stream that ended with a proper error
truncated     an end as if it were complete, with something missing
unacceptable  complete, but empty or not in the form that was asked for
hung          no end, seconds after the deadline
"""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one call under one fault."""

    route: str
    task: str
    fault: str
    verdict: Verdict
    why: str
    """An error's code, or what is wrong with the answer; empty for `answered` and `late`."""
    first_s: float | None
    """Until the first word, or the whole answer, that the client could use; None: there was none."""
    seconds: float
    model: str
    """`provider/model` that answered; empty where none did."""
    call: Call
    recorded: Replayable
    repeated: int = 0
    """Tool calls that came twice in the answer."""

    @property
    def survived(self) -> bool:
        """Whether the client had what it needed in time."""
        return self.verdict == "answered"

    @property
    def joined(self) -> bool:
        """Whether two models wrote the answer, one going on where the other broke off."""
        return "seam" in self.call.losses


class _Heard(msgspec.Struct):
    """The answer as far as it came, and the error that ended it."""

    pieces: list[bytes] = []
    error: FreeholdError | None = None
    late: bool = False


async def ask_again(
    engine: Engine, recorded: Replayable, key: Key, *, fault: str, deadline: float
) -> Outcome:
    """What the client of a recorded call would have had, `deadline` seconds after which it is of no use."""
    running = engine.begin("chat", recorded.dialect, key)
    running.call.mirrors = recorded.id
    began, heard = time.perf_counter(), _Heard()
    try:
        async with asyncio.timeout(deadline + GRACE):
            await _listen(engine, running, recorded, heard)
    except TimeoutError:
        heard.late = True
        running.cancel("drill_deadline")
    except asyncio.CancelledError:
        running.cancel("stopping", status=503)
        raise
    seconds = time.perf_counter() - began
    verdict, why, repeated = _judged(recorded, heard)
    if verdict == "answered" and seconds > deadline:
        verdict = "late"
    call = running.call
    return Outcome(
        route=recorded.route,
        task=recorded.task,
        fault=fault,
        verdict=verdict,
        why=why,
        first_s=_first_seconds(call) if verdict in ("answered", "late") else None,
        seconds=seconds,
        model=f"{call.provider}/{call.model}" if verdict in ("answered", "late") else "",
        call=call,
        recorded=recorded,
        repeated=repeated if "seam" in call.losses else 0,
    )


async def _listen(engine: Engine, running: RunningCall, recorded: Replayable, heard: _Heard) -> None:
    try:
        running.receive(recorded.body, keep_body=False)
        engine.held_bytes += running.call.request_bytes
        request = recorded.request()
        running.route_to(request)
        heard.pieces.append(await running.ask(request))
        while request.stream and (piece := await running.next_piece()):
            heard.pieces.append(piece)
    except FreeholdError as error:
        heard.error = error
        if heard.pieces:  # the call is recorded as cut, and these words end the client's stream
            heard.pieces.append(running.last_words(error))
        running.fail(error, status_of(error))


def _first_seconds(call: Call) -> float | None:
    return None if call.first_token_ms is None else call.first_token_ms / 1000.0


def _judged(recorded: Replayable, heard: _Heard) -> tuple[Verdict, str, int]:
    if heard.late:
        return "hung", "no end in time", 0
    if heard.error is not None:
        return ("broken" if heard.pieces else "refused"), heard.error.code, 0
    dialect = next(name for name in NAMES if name == recorded.dialect)
    answer, ended = read_back(dialect, b"".join(heard.pieces), streamed=recorded.streamed)
    if answer is None:
        return "unacceptable", "it cannot be read", 0
    if not ended or not answer.choices or answer.choices[0].stop is None:
        return "truncated", "its end is missing", 0
    wrong = problem_with(answer, recorded.asked)
    return ("answered" if wrong is None else "unacceptable"), wrong or "", repeated_calls(answer)


def read_back(dialect: DialectName, body: bytes, *, streamed: bool) -> tuple[Answer | None, bool]:
    """An answer as its client reads it, and whether it says that it is complete; None where it is no answer."""
    spoken = dialect_of(dialect)
    try:
        if not streamed:
            return spoken.decode_answer(body), True
        decoder, gathering, ended = spoken.decode_stream(), Gathering(), False
        for frame in EventSplitter().feed(body + b"\n\n"):
            for event in decoder.read(frame):
                gathering.add(event)
                ended = ended or isinstance(event, End)
        for event in decoder.finish():
            gathering.add(event)
            ended = ended or isinstance(event, End)
        return gathering.finish(), ended
    except (NotAnAnswer, msgspec.DecodeError, RecursionError, EventTooLarge):
        return None, False


def problem_with(answer: Answer, asked: ChatRequest) -> str | None:
    """Why nobody could use the answer; None: it is acceptable. Whether it is *right* is a matter of scores."""
    parts = answer.choices[0].parts
    stop = answer.choices[0].stop
    calls = [part for part in parts if isinstance(part, ToolCall)]
    text = "".join(part.text for part in parts if isinstance(part, Text))
    if not text and not calls and not any(isinstance(part, Refusal | Media) for part in parts):
        return None if stop is not None and stop.reason == "length" else "the answer is empty"
    declared = {tool.name for tool in asked.tools if isinstance(tool, Tool)}
    for one in calls:
        if one.name not in declared:
            return f"it calls a tool that there is not: `{one.name[:100]}`"
        if not one.custom and not _is_object(one.arguments):
            return f"the arguments for `{one.name[:100]}` are not JSON"
    form = asked.response_format
    if form is None or form.kind == "text" or not text or (stop is not None and stop.reason == "length"):
        return None
    return check(text, form.schema)


def repeated_calls(answer: Answer) -> int:
    """Tool calls that the client would run twice."""
    seen: set[tuple[str, str]] = set()
    again = 0
    for choice in answer.choices[:1]:
        for part in choice.parts:
            if isinstance(part, ToolCall):
                again += (part.name, part.arguments) in seen
                seen.add((part.name, part.arguments))
    return again


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(arguments or "{}"), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
