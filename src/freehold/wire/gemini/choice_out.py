"""One candidate of a streamed answer: text as it comes, everything else when it is whole, one part after the other."""

from __future__ import annotations

import msgspec

from freehold.core.events import Cite, Grow, PartBegin, PartEnd, Sign
from freehold.core.losses import Losses
from freehold.core.parts import Citation, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.wire.gemini.answer_out import answer_part
from freehold.wire.gemini.citations import GroundingWriter
from freehold.wire.gemini.fields import Json
from freehold.wire.gemini.parts_out import extras_out
from freehold.wire.gemini.ruler import Ruler
from freehold.wire.sealing import seal

_WORDS = (Text, Refusal, Reasoning)


class _Open:
    """A part that is not ended yet."""

    __slots__ = ("citations", "ended", "part", "pieces", "said", "section", "state", "text", "words")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.words = isinstance(part, _WORDS)
        """It is written as it grows; everything else when it is whole."""
        self.pieces: list[tuple[str, int]] = []
        """What is not written yet, with the section it belongs to."""
        self.text: list[str] = []
        """What was written."""
        self.citations: list[Citation] = []
        self.state: State | None = getattr(part, "state", None)
        """What is not written yet."""
        self.said = False
        """Whether something of it was written."""
        self.section = -1
        self.ended = False


class ChoiceWriter:
    """Writes the parts of a candidate. Later ones wait until the earlier are ended: Gemini knows no open parts."""

    def __init__(self, losses: Losses, *, own: bool) -> None:
        self.own = own
        """Whether the answer came in this dialect, so that its extras go out again."""
        self.grounding = GroundingWriter(losses)
        self._losses = losses
        self._open: dict[int, _Open] = {}
        self._before = 0
        """Bytes of text of the parts that are ended."""

    def begin(self, event: PartBegin) -> list[Json]:
        """A part begins; what it holds already is written as soon as it is its turn."""
        held = _Open(event.part)
        if isinstance(event.part, _WORDS) and event.part.text:
            held.pieces.append((event.part.text, -1))
        self._open[event.index] = held
        return self.flush()

    def goes_on(self, event: Grow) -> bool:
        """Whether the event is more of a text that is being written, and nothing but that; then it is noted."""
        held = self._open.get(event.index)
        if held is None or not held.said or held.pieces or held.state is not None:
            return False
        if not isinstance(held.part, Text) or held.section != event.section or not event.text:
            return False
        held.text.append(event.text)
        return True

    def grow(self, event: Grow) -> list[Json]:
        """More of a part."""
        held = self._open.get(event.index)
        if held is None:
            return []
        held.pieces.append((event.text, event.section))
        return self.flush() if held.words and event.index == next(iter(self._open)) else []

    def sign(self, event: Sign) -> None:
        """Its signature goes out with the next words, or at its end."""
        held = self._open.get(event.index)
        if held is not None:
            held.state = event.state

    def cite(self, event: Cite) -> None:
        """Where it is from is told in the last piece."""
        held = self._open.get(event.index)
        if held is not None:
            held.citations.append(event.citation)

    def end(self, event: PartEnd) -> list[Json]:
        """Nothing more will come of it."""
        held = self._open.get(event.index)
        if held is None:
            return []
        held.ended = True
        return self.flush()

    def flush(self) -> list[Json]:
        """Everything that can be written by now."""
        parts: list[Json] = []
        while self._open:
            index = next(iter(self._open))
            held = self._open[index]
            if held.words:
                self._write_words(held, parts)
            if not held.ended:
                break
            self._finish(held, parts)
            del self._open[index]
        return parts

    def _write_words(self, held: _Open, parts: list[Json]) -> None:
        for text, section in held.pieces:
            apart = (
                held.said and section != held.section
            )  # sections of a summary are told apart by an empty line
            held.section = section
            if text:
                held.text.append(text)
                parts.append(self._words(held, "\n\n" + text if apart else text))
        held.pieces.clear()

    def _words(self, held: _Open, text: str) -> Json:
        part = held.part
        written: Json = {"text": text}
        if isinstance(part, Reasoning):
            written["thought"] = True
        if not held.said:
            held.said = True
            if isinstance(part, Refusal):
                self._losses.add("part", "refusal")
            if isinstance(part, _WORDS):
                extras_out(written, part.extra, self._losses, own=self.own)
        if held.state is not None and (self.own or not text or not isinstance(part, Reasoning)):
            # What another provider signs is all of a thought: the signature comes behind its last words.
            written["thoughtSignature"] = seal(held.state)
            held.state = None
        return written

    def _finish(self, held: _Open, parts: list[Json]) -> None:
        part = held.part
        if isinstance(part, _WORDS):
            if held.state is not None or (not held.said and part.extra):
                parts.append(self._words(held, ""))
            text = "".join(held.text)
            citations = held.citations if not isinstance(part, Text) else [*part.citations, *held.citations]
            ruler = Ruler(text if citations else "")
            for citation in citations:
                self.grounding.add(citation, ruler, before=self._before)
            if not isinstance(part, Reasoning):
                self._before += len(text.encode())
            return
        written = answer_part(self._whole(held), self._losses, own=self.own)
        if written is not None:
            parts.append(written)

    def _whole(self, held: _Open) -> Part:
        part = held.part
        grown = "".join(text for text, section in held.pieces if section != 1)
        if isinstance(part, ToolCall):
            return ToolCall(
                id=part.id,
                name=part.name,
                arguments=part.arguments + grown,
                custom=part.custom,
                state=held.state,
                extra=part.extra,
            )
        if isinstance(part, Media) and held.pieces:
            said = "".join(text for text, section in held.pieces if section == 1)
            return msgspec.structs.replace(
                part,
                data=(part.data or "") + grown or None,
                transcript=(part.transcript or "") + said or None,
                state=held.state,
            )
        return part
