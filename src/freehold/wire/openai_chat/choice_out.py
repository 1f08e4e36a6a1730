"""One choice of a streamed answer written: what each event is as a delta."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.answer import Stop
from freehold.core.events import Cite, Grow, PartBegin, PartEnd, Sign
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.wire.dialect import Addressee
from freehold.wire.openai_chat.answer_out import as_asked, lose_extra, spoken_answer
from freehold.wire.openai_chat.calls import signed
from freehold.wire.openai_chat.citations import annotation_of
from freehold.wire.openai_chat.media import picture_of
from freehold.wire.openai_chat.names import Written, encode, put_extra
from freehold.wire.openai_chat.reasoning import details_of
from freehold.wire.sealing import seal
from freehold.wire.sse import on_one_line


class Recipe(msgspec.Struct):
    """What every choice of one stream is written with."""

    addressee: Addressee
    losses: Losses
    custom: frozenset[str]
    same_dialect: bool = False
    sources_beside: bool = False
    """What the texts are from is told beside the choices."""


class _Open:
    """A part that is being written."""

    __slots__ = ("around", "number", "offset", "part", "pieces", "section", "written")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.pieces: dict[int, list[str]] = {}
        """Of reasoning and what is written whole, by section."""
        self.number = 0
        """Of a tool call among those of its choice."""
        self.offset = 0
        """Of a text: how many characters stand before it."""
        self.section = -2
        """The one that grew last, which matters to reasoning."""
        self.around: tuple[bytes, bytes] | None = None
        """What stands before and behind more of it in a choice, when nothing else is to be written."""
        self.written = False
        """Something of it has been written."""


class ChoiceWriter:
    """Turns events of one choice into deltas."""

    def __init__(self, recipe: Recipe, number: int) -> None:
        self._recipe = recipe
        self._number = number
        self._parts: dict[int, _Open] = {}
        self._fresh = True
        self._calls = 0
        self._pictures = 0
        self._citations = 0
        self._length = 0
        """Of all texts so far, in characters."""
        self._thought = False
        """Reasoning was written: the next is set apart by a blank line."""
        self._details = 0
        self._unsigned: list[Reasoning] = []
        """Reasoning that was told as text alone; when some is signed later, all goes into the details."""

    def first(self, delta: bytes) -> bytes:
        """The delta on one line, with the role when it is the choice's first."""
        delta = on_one_line(delta)
        if not self._fresh:
            return delta
        self._fresh = False
        if delta == b"{}":
            return b'{"role":"assistant","content":""}'
        return b'{"role":"assistant",%b' % delta[1:]

    def _delta(self, **fields: Any) -> list[bytes]:
        return [self.first(encode(fields))]

    def begin(self, event: PartBegin) -> list[bytes]:
        """A part begins; it may hold something already."""
        recipe, part = self._recipe, event.part
        opened = self._parts[event.index] = _Open(part)
        lose_extra(part, recipe.losses, same_dialect=recipe.same_dialect)
        if isinstance(part, Text):
            opened.offset = self._length
            deltas = self._text("content", part.text) if part.text else []
            self._length += len(part.text)
            for citation in part.citations:
                deltas += self.cite(Cite(event.choice, event.index, citation))
            return deltas
        if isinstance(part, Refusal):
            return self._text("refusal", part.text) if part.text else []
        if isinstance(part, Reasoning):
            deltas = self._think(opened, -1, part.text) if part.text else []
            for section, text in enumerate(part.summary):
                deltas += self._think(opened, section, text)
            return deltas
        if isinstance(part, ToolCall):
            return self._begin_call(opened, part)
        if isinstance(part, Foreign | ToolResult):
            recipe.losses.add("answer", getattr(part, "kind", type(part).__name__))
        elif part.kind == "audio":
            return self._delta(audio=spoken_answer(part, recipe.addressee))
        return []

    def _text(self, name: str, text: str) -> list[bytes]:
        return [self.first(b'{"%b":%b}' % (name.encode(), encode(text)))]

    def _go_on(self, opened: _Open, section: int, text: str, before: bytes, behind: bytes) -> list[bytes]:
        """More of a part, as `before` and `behind` have it; and so all that follows, until something changes."""
        opened.section = section
        opened.around = (
            b'{"index":%d,"delta":%b' % (self._number, before),
            behind + b',"logprobs":null,"finish_reason":null}]',
        )
        return [self.first(before + encode(text) + behind)]

    def around(self, event: Grow) -> tuple[bytes, bytes] | None:
        """What stands before and behind the text, which is then noted; None when `grow` has more to do."""
        opened = self._parts.get(event.index)
        if opened is None or opened.around is None or opened.section != event.section or not event.text:
            return None
        if isinstance(opened.part, Text):
            self._length += len(event.text)
        elif isinstance(opened.part, Reasoning):
            opened.pieces[event.section].append(event.text)
        return opened.around

    def _think(self, opened: _Open, section: int, text: str) -> list[bytes]:
        opened.pieces.setdefault(section, []).append(text)
        if not text:
            return []
        apart = self._thought and opened.section != section
        self._thought = True
        shown = f"\n\n{text}" if apart else text
        return self._go_on(opened, section, shown, b'{"reasoning_content":', b"}")

    def _begin_call(self, opened: _Open, call: ToolCall) -> list[bytes]:
        recipe = self._recipe
        opened.number = self._calls
        self._calls += 1
        if recipe.addressee.request.legacy:
            if opened.number > 0:
                recipe.losses.add("answer", "tool_calls")
                return []
            return self._delta(function_call={"name": call.name, "arguments": call.arguments})
        if not call.custom and call.name in recipe.custom:
            opened.pieces[0] = [call.arguments]  # its text is known when all of it is there
            return []
        held: Written = {"name": call.name}
        held["input" if call.custom else "arguments"] = call.arguments
        opened.written = bool(call.arguments)
        kind = "custom" if call.custom else "function"
        written: Written = {"index": opened.number, "id": call.id, "type": kind, kind: held}
        put_extra(written, call.extra, recipe.losses, same_dialect=recipe.same_dialect, loss="answer")
        return self._delta(tool_calls=[written])

    def grow(self, event: Grow) -> list[bytes]:
        """More of a part."""
        opened = self._parts[event.index]
        part, text = opened.part, event.text
        if isinstance(part, Text):
            self._length += len(text)
            return self._go_on(opened, event.section, text, b'{"content":', b"}")
        if isinstance(part, Reasoning):
            return self._think(opened, event.section, text)
        if isinstance(part, ToolCall):
            return self._grow_call(opened, part, event)
        if isinstance(part, Refusal):
            return self._go_on(opened, event.section, text, b'{"refusal":', b"}")
        if isinstance(part, Media):
            if part.kind == "audio":
                return self._delta(audio={"transcript" if event.section == 1 else "data": text})
            opened.pieces.setdefault(event.section, []).append(text)
        return []

    def _grow_call(self, opened: _Open, call: ToolCall, event: Grow) -> list[bytes]:
        text = event.text
        if not text:
            return []
        if self._recipe.addressee.request.legacy:
            opened.written = True
            return self._delta(function_call={"arguments": text}) if opened.number == 0 else []
        if 0 in opened.pieces:
            opened.pieces[0].append(text)
            return []
        opened.written = True
        kind, name = (b"custom", b"input") if call.custom else (b"function", b"arguments")
        before = b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (opened.number, kind, name)
        return self._go_on(opened, event.section, text, before, b"}}]}")

    def sign(self, event: Sign) -> None:
        """The state of a part, which is written at its end."""
        part = self._parts[event.index].part
        if isinstance(part, Text | Media | ToolCall | Reasoning):
            part = msgspec.structs.replace(part, state=event.state)
            self._parts[event.index].part = part

    def cite(self, event: Cite) -> list[bytes]:
        """Where a text is from."""
        opened, recipe = self._parts[event.index], self._recipe
        if recipe.sources_beside and event.citation.start is None:
            return []
        annotation = annotation_of(
            event.citation, recipe.losses, same_dialect=recipe.same_dialect, offset=opened.offset
        )
        if annotation is None:
            return []
        # OpenAI's SDK puts the pieces of lists together by their index.
        numbered = {"index": self._citations, **annotation}
        self._citations += 1
        return self._delta(annotations=[numbered])

    def end(self, event: PartEnd) -> list[bytes]:
        """The part is complete."""
        opened = self._parts.pop(event.index, None)
        if opened is None:
            return []
        part = opened.part
        if isinstance(part, Reasoning):
            return self._end_reasoning(opened, part)
        if isinstance(part, ToolCall):
            return self._end_call(opened, part)
        if isinstance(part, Text) and part.state is not None:
            return self._delta(extra_content=signed(seal(part.state)))
        if isinstance(part, Media):
            return self._end_media(opened, part)
        return []

    def _end_reasoning(self, opened: _Open, part: Reasoning) -> list[bytes]:
        sections = max((*opened.pieces, -1)) + 1
        whole = msgspec.structs.replace(
            part,
            text="".join(opened.pieces.get(-1, ())),
            summary=["".join(opened.pieces.get(section, ())) for section in range(sections)],
        )
        self._unsigned.append(whole)
        if part.state is None and not self._details:
            return []
        details: list[Written] = []
        for one in self._unsigned:
            first = self._details + len(details)
            details += details_of(one, seal, first, same_dialect=self._recipe.same_dialect)
        self._unsigned = []
        self._details += len(details)
        return self._delta(reasoning_details=details) if details else []

    def _end_call(self, opened: _Open, call: ToolCall) -> list[bytes]:
        recipe = self._recipe
        if recipe.addressee.request.legacy:
            if call.state is not None:
                recipe.losses.add("reasoning.state")
            if opened.number > 0 or opened.written or call.arguments:
                return []
            return self._delta(function_call={"arguments": "{}"})
        deltas: list[bytes] = []
        if 0 in opened.pieces:
            call = as_asked(msgspec.structs.replace(call, arguments="".join(opened.pieces[0])), recipe.custom)
            written: Written = {"index": opened.number, "id": call.id, "type": "custom"}
            written["custom"] = {"name": call.name, "input": call.arguments}
            deltas = self._delta(tool_calls=[written])
        elif not opened.written and not call.custom:
            # A call without arguments has none to stream, but a client wants to read JSON.
            deltas = self._delta(tool_calls=[{"index": opened.number, "function": {"arguments": "{}"}}])
        if call.state is not None:
            extra = signed(seal(call.state))
            # OpenAI's SDK stumbles over a delta of a call without its function.
            kind = {"custom": {"input": ""}} if call.custom else {"function": {"arguments": ""}}
            deltas += self._delta(tool_calls=[{"index": opened.number, **kind, "extra_content": extra}])
        return deltas

    def _end_media(self, opened: _Open, media: Media) -> list[bytes]:
        losses = self._recipe.losses
        if media.state is not None:
            losses.add("reasoning.state")
        if media.kind == "audio":
            return []
        data = (media.data or "") + "".join(opened.pieces.get(-1, ()))
        if media.kind != "image" or not (data or media.url):
            losses.add("answer", media.kind)
            return []
        picture = picture_of(msgspec.structs.replace(media, data=data or None))
        picture["index"] = self._pictures
        self._pictures += 1
        return self._delta(images=[picture])

    def usual_stop(self) -> Stop:
        """Why a choice stopped that does not say it."""
        return Stop(reason="tool_calls" if self._calls else "stop")

    def close(self) -> list[bytes]:
        """What is left when the choice stops: parts that nobody ended."""
        deltas: list[bytes] = []
        for index in list(self._parts):
            deltas += self.end(PartEnd(0, index))
        return deltas
