"""The events of one streamed answer whose text is kept back until all of it is there."""

from __future__ import annotations

from typing import TypeVar

from freehold.core.answer import Stop
from freehold.core.events import (
    Cite,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
)
from freehold.core.parts import Reasoning, Text

_OfPart = PartBegin | Grow | Sign | Cite | PartEnd
E = TypeVar("E", bound=Event)


class Holding:
    """Keeps text and what belongs to it; reasoning goes on, and so does everything from the first part that is neither.

    An answer with calls of tools, a refusal or more than one choice is not what the form is about: then `open` is true,
    and what was kept has been let go in its order.

    The state of reasoning is kept as well: it vouches for an answer that may not become the client's.
    """

    def __init__(self, told: int = 0) -> None:
        """`told`: how many parts of an earlier try the client has been told of."""
        self.open = False
        self.stop: Stop | None = None
        self.told = told
        """Parts that the client knows of."""
        self._numbers: dict[int, int] = {}
        """What the client was told each part's number is."""
        self._unended: dict[int, None] = {}
        """Of those that it was told the beginning of and not the end, in order."""
        self._kept: dict[int, list[str]] = {}
        """Of each part that is kept, the text as it came."""
        self._texts: list[int] = []
        """Which of them are text."""
        self._events: list[Event] = []

    @property
    def text(self) -> str:
        """What the answer says."""
        return "".join(piece for number in self._texts for piece in self._kept[number])

    @property
    def holds_state(self) -> bool:
        """Whether some of what is kept can be read by its maker alone."""
        return any(
            isinstance(event, Sign) or (isinstance(event, PartBegin) and isinstance(event.part, Reasoning))
            for event in self._events
        )

    def pass_on(self, event: Event) -> list[Event]:
        """What may be told now that this has come."""
        if self.open:
            return [self._numbered(event)]
        if getattr(event, "choice", 0) or (
            isinstance(event, PartBegin) and not isinstance(event.part, Text | Reasoning)
        ):
            return [*self.release(), self._numbered(event)]
        if self._is_kept(event):
            self._events.append(event)
            return []
        return [self._numbered(event)]

    def _is_kept(self, event: Event) -> bool:
        if isinstance(event, PartBegin):
            part = event.part
            if isinstance(part, Text):
                self._texts.append(event.index)
                self._kept[event.index] = [part.text]
            elif isinstance(part, Reasoning) and part.state is not None:
                self._kept[event.index] = []
            return event.index in self._kept
        if isinstance(event, Sign):
            self._kept.setdefault(event.index, [])
            return True
        if isinstance(event, Grow):
            pieces = self._kept.get(event.index)
            if pieces is not None:
                pieces.append(event.text)
            return pieces is not None
        if isinstance(event, StopSeen):
            self.stop = event.stop
            return True
        return isinstance(event, LogProbs) or (
            isinstance(event, Cite | PartEnd) and event.index in self._kept
        )

    def release(self) -> list[Event]:
        """Everything that was kept, as it came."""
        self.open = True
        events, self._events = self._events, []
        return [self._numbered(event) for event in events]

    def release_as(self, text: str) -> list[Event]:
        """Everything that was kept, with `text` for its words. Other words are no longer what their citations say."""
        if text == self.text:
            return self.release()
        first, *others = self._texts
        events: list[Event] = []
        for event in self._events:
            number = event.index if isinstance(event, _OfPart) else None
            if number == first and isinstance(event, PartBegin) and isinstance(event.part, Text):
                event.part.text, event.part.citations = "", []
                events += [event, Grow(event.choice, first, text)]
            elif number not in others and not (number == first and isinstance(event, Grow | Cite)):
                events.append(event)
        self._events = events
        return self.release()

    def discard(self) -> list[Event]:
        """Nothing of what was kept; what ends the parts that have been told of."""
        self._events = []
        return [PartEnd(0, number) for number in self._unended]

    def _numbered(self, event: E) -> E:
        """The event with the number that the client knows the part by."""
        if not isinstance(event, _OfPart) or event.choice:
            return event
        if isinstance(event, PartBegin):
            self._numbers[event.index] = self.told
            self._unended[self.told] = None
            self.told += 1
        event.index = self._numbers[event.index]
        if isinstance(event, PartEnd):
            self._unended.pop(event.index, None)
        return event
