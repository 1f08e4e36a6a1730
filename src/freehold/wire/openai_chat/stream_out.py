"""A streamed answer written for a client."""

from __future__ import annotations

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
from freehold.core.losses import Losses
from freehold.wire.dialect import Addressee
from freehold.wire.openai_chat.answer_out import answer_id, custom_tools, tier_of
from freehold.wire.openai_chat.choice_out import ChoiceWriter, Recipe
from freehold.wire.openai_chat.citations import stand_beside
from freehold.wire.openai_chat.errors import written_error
from freehold.wire.openai_chat.names import NAME, Written, encode, put_extra
from freehold.wire.openai_chat.stops import word_of
from freehold.wire.openai_chat.usage import written_usage
from freehold.wire.sse import WAIT, on_one_line

DONE = b"data: [DONE]\n\n"


class StreamWriter:
    """Writes one stream. Usage comes last, in an event without choices, to those who asked for it."""

    def __init__(self, addressee: Addressee, losses: Losses) -> None:
        request = addressee.request
        self._addressee = addressee
        self._recipe = Recipe(addressee, losses, custom_tools(request))
        self._choices: dict[int, ChoiceWriter] = {}
        self._stopped: set[int] = set()
        self._extra: Written = {}
        self._usage: UsageSeen | None = None
        self._tail = b',"usage":null}\n\n' if request.stream_usage else b"}\n\n"
        self._begin(Begin())

    def write(self, event: Event) -> bytes:  # noqa: PLR0911 - one for each kind
        """The event, which may be nothing at all."""
        if isinstance(event, Grow):
            choice = self._choice(event.choice)
            around = choice.around(event)
            if around is None:
                return self._chunks(event.choice, choice.grow(event))
            return b"".join((self._head, around[0], encode(event.text), around[1], self._tail))
        if isinstance(event, PartBegin):
            return self._chunks(event.choice, self._choice(event.choice).begin(event))
        if isinstance(event, PartEnd):
            return self._chunks(event.choice, self._choice(event.choice).end(event))
        if isinstance(event, Sign):
            self._choice(event.choice).sign(event)
            return b""
        if isinstance(event, Cite):
            return self._chunks(event.choice, self._choice(event.choice).cite(event))
        return self._write_rest(event)

    def wait(self) -> bytes:
        """A comment."""
        return WAIT

    def _write_rest(self, event: Event) -> bytes:
        if isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, LogProbs):
            return self._chunk(event.choice, self._choice(event.choice).first(b"{}"), logprobs=event.raw)
        elif isinstance(event, StopSeen):
            return self._stop(event)
        elif isinstance(event, UsageSeen):
            self._usage = event
        elif isinstance(event, ErrorSeen):
            return b"data: " + written_error(event) + b"\n\n"
        elif isinstance(event, End):
            return self._stop_rest() + self._usage_chunk() + DONE
        return b""

    def _begin(self, event: Begin) -> None:
        addressee, recipe = self._addressee, self._recipe
        recipe.same_dialect = event.dialect == NAME
        head: Written = {
            "id": answer_id(event.id if recipe.same_dialect else None, addressee),
            "object": "chat.completion.chunk",
            "created": event.created or addressee.created,
            "model": event.model or addressee.request.model,
        }
        tier = tier_of(event.service_tier, recipe.losses, same_dialect=recipe.same_dialect)
        if tier is not None:
            head["service_tier"] = tier
        if event.fingerprint is not None:
            head["system_fingerprint"] = event.fingerprint
        recipe.sources_beside = recipe.same_dialect and stand_beside(event.extra)
        self._extra = {}
        put_extra(self._extra, event.extra, recipe.losses, same_dialect=recipe.same_dialect, loss="answer")
        self._head = b"data: " + encode(head)[:-1] + b',"choices":['

    def _choice(self, number: int) -> ChoiceWriter:
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = ChoiceWriter(self._recipe, number)
        return choice

    def _chunks(self, number: int, deltas: list[bytes]) -> bytes:
        if len(deltas) == 1 and not self._extra:
            return b'%b{"index":%d,"delta":%b,"logprobs":null,"finish_reason":null}]%b' % (
                self._head,
                number,
                deltas[0],
                self._tail,
            )
        return b"".join(self._chunk(number, delta) for delta in deltas)

    def _chunk(
        self, number: int, delta: bytes, *, word: str | None = None, logprobs: bytes = b"null"
    ) -> bytes:
        tail = self._tail
        if self._extra:
            # What the provider says besides goes along once, with the first chunk.
            tail = b"," + on_one_line(encode(self._extra))[1:-1] + tail
            self._extra = {}
        return b'%b{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}]%b' % (
            self._head,
            number,
            delta,
            on_one_line(logprobs),
            encode(word),
            tail,
        )

    def _stop_rest(self) -> bytes:
        """What ends the choices that never said why they stopped; clients fail without it."""
        left = [number for number in self._choices or (0,) if number not in self._stopped]
        return b"".join(self._stop(StopSeen(number, self._choice(number).usual_stop())) for number in left)

    def _stop(self, event: StopSeen) -> bytes:
        self._stopped.add(event.choice)
        choice = self._choice(event.choice)
        recipe = self._recipe
        legacy = self._addressee.request.legacy
        for name in event.extra:
            if not recipe.same_dialect:
                recipe.losses.add("answer", name)
        word = word_of(event.stop, recipe.losses, same_dialect=recipe.same_dialect, legacy=legacy)
        return self._chunks(event.choice, choice.close()) + self._chunk(
            event.choice, choice.first(b"{}"), word=word
        )

    def _usage_chunk(self) -> bytes:
        seen = self._usage
        if seen is None or not self._addressee.request.stream_usage:
            return b""
        recipe = self._recipe
        usage = written_usage(seen.usage, seen.raw, recipe.losses, same_dialect=recipe.same_dialect)
        return b'%b],"usage":%b}\n\n' % (self._head, on_one_line(encode(usage)))
