"""Events as a streamed answer: pieces that are small answers each, as server-sent events or as one JSON list."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Stop
from freehold.core.events import (
    Begin,
    Cite,
    End,
    ErrorSeen,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.wire.dialect import Addressee, WireError
from freehold.wire.gemini.choice_out import ChoiceWriter
from freehold.wire.gemini.errors import status_out
from freehold.wire.gemini.fields import NAME, Json, encode, spread
from freehold.wire.gemini.logprobs import logprobs_out
from freehold.wire.gemini.stops import stop_out
from freehold.wire.gemini.usage import usage_out
from freehold.wire.sse import on_one_line

_BEFORE_TEXT = b'data: {"candidates":[{"content":{"parts":[{"text":'
"""Before the text of the piece that almost all of a stream is made of."""


class StreamWriter:
    """Writes one streamed answer. Finish reasons and usage come in the last piece."""

    def __init__(self, addressee: Addressee, losses: Losses) -> None:
        self._losses = losses
        self._list = addressee.framing == "json-array"
        self._written = False
        self._id = addressee.id
        self._model = addressee.request.model
        self._tier: str | None = None
        self._first: Fields = {}
        self._own = False
        self._choices: dict[int, ChoiceWriter] = {}
        self._stops: dict[int, tuple[Stop, Fields]] = {}
        self._logprobs: dict[int, list[bytes]] = {}
        self._usage: UsageSeen | None = None
        self._behind: dict[int, bytes] = {}
        """What stands behind the text, by choice."""

    def write(self, event: Event) -> bytes:
        """The event, as far as it says something by itself."""
        if isinstance(event, Grow):
            return self._grow(event)
        if isinstance(event, PartBegin):
            return self._parts(event.choice, self._choice(event.choice).begin(event))
        if isinstance(event, PartEnd):
            return self._parts(event.choice, self._choice(event.choice).end(event))
        if isinstance(event, Sign):
            self._choice(event.choice).sign(event)
        elif isinstance(event, Cite):
            self._choice(event.choice).cite(event)
        elif isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, UsageSeen):
            self._usage = event
        elif isinstance(event, LogProbs):
            self._logprobs.setdefault(event.choice, []).append(event.raw)
        elif isinstance(event, StopSeen):
            self._stops[event.choice] = (event.stop, event.extra)
        elif isinstance(event, End):
            return self._end()
        elif isinstance(event, ErrorSeen):
            return self._fail(event)
        return b""

    def wait(self) -> bytes:
        """A piece without words: what reads these streams takes no comments. In a list, white space."""
        if self._list:
            return b"\r\n"
        candidate: Json = {"content": {"parts": [{"text": ""}], "role": "model"}, "index": 0}
        return self._piece({"candidates": [candidate]})

    def _grow(self, event: Grow) -> bytes:
        choice = self._choice(event.choice)
        if not (self._list or self._first or self._logprobs) and choice.goes_on(event):
            return b"".join((_BEFORE_TEXT, encode(event.text), self._behind_text(event.choice)))
        return self._parts(event.choice, choice.grow(event))

    def _behind_text(self, number: int) -> bytes:
        behind = self._behind.get(number)
        if behind is None:
            named = encode({"modelVersion": self._model, "responseId": self._id})
            behind = b'}],"role":"model"},"index":%d}],%b\r\n\r\n' % (number, named[1:])
            self._behind[number] = behind
        return behind

    def _begin(self, event: Begin) -> None:
        self._model = event.model or self._model
        self._tier = event.service_tier
        self._own = event.dialect == NAME
        if self._own:
            self._id = event.id or self._id
            self._first = event.extra
        else:
            for name in event.extra:
                self._losses.add("answer", name)
        self._behind.clear()

    def _choice(self, number: int) -> ChoiceWriter:
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = ChoiceWriter(self._losses, own=self._own)
        return choice

    def _parts(self, number: int, parts: list[Json]) -> bytes:
        if not parts:
            return b""
        candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": number}
        self._add_logprobs(candidate, number)
        return self._piece({"candidates": [candidate]})

    def _add_logprobs(self, candidate: Json, number: int) -> None:
        if self._logprobs and (found := logprobs_out(self._logprobs.pop(number, ()))) is not None:
            candidate["logprobsResult"] = found

    def _piece(self, body: Json) -> bytes:
        body["modelVersion"] = self._model
        body["responseId"] = self._id
        if self._first:
            spread(body, self._first)
            self._first = {}
        return self._framed(encode(body))

    def _framed(self, data: bytes) -> bytes:
        first, self._written = not self._written, True
        data = on_one_line(data)
        if not self._list:
            return b"data: " + data + b"\r\n\r\n"
        return (b"[" if first else b",\r\n") + data

    def _end(self) -> bytes:
        out = b""
        blocked = "promptFeedback" in self._first and not self._choices
        candidates: list[Json] = []
        for number in sorted({*self._choices, *self._stops, *self._logprobs}):
            out += self._parts(number, self._choice(number).flush())
            candidates.append(self._last(number))
        body: Json = {}
        if candidates and not blocked:
            body["candidates"] = candidates
        usage = self._usage_out()
        if usage is not None:
            body["usageMetadata"] = usage
        out += self._piece(body)
        return out + b"]" if self._list else out

    def _last(self, number: int) -> Json:
        candidate: Json = {"content": {"parts": [{"text": ""}], "role": "model"}, "index": number}
        stop, extra = self._stops.get(number, (None, {}))
        if stop is not None:
            candidate["finishReason"] = stop_out(stop, self._losses)
        self._add_logprobs(candidate, number)
        grounding = self._choice(number).grounding.result()
        if grounding is not None and not (self._own and "groundingMetadata" in extra):
            candidate["groundingMetadata"] = grounding
        if self._own:
            spread(candidate, extra)
        else:
            for name in extra:
                self._losses.add("answer", name)
        return candidate

    def _usage_out(self) -> Json | msgspec.Raw | None:
        seen = self._usage
        if seen is None:
            return None
        if seen.raw is not None and self._own:
            return msgspec.Raw(seen.raw)
        return usage_out(seen.usage, self._tier, self._losses) or None

    def _fail(self, event: ErrorSeen) -> bytes:
        error = WireError(status=event.status or 500, message=event.message, kind=event.kind)
        status: Json | msgspec.Raw = status_out(error)
        if self._own:
            status = msgspec.Raw(event.raw)
        out = self._framed(encode({"error": status}))
        return out + b"]" if self._list else out
