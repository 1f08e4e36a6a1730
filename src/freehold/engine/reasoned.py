"""What is known of lost reasoning only when the answer is there: that it was shown or hidden, or came without state."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.events import End, Event, Grow, PartBegin, Sign, UsageSeen
from freehold.core.losses import Losses
from freehold.core.parts import Reasoning
from freehold.core.request import ReasoningWish
from freehold.core.usage import Usage

SHOWN = "reasoning.shown"


class ReasoningWatch:
    """Watches one answer, and declares what did differ."""

    def __init__(self, wish: ReasoningWish | None, losses: Losses, *, state_due: bool) -> None:
        """`state_due`: reasoning that comes without words has to come with the state that stands for it."""
        self._losses = losses
        self._state_due = state_due
        self._wanted = None
        if wish is not None and SHOWN in losses.suspected:
            self._wanted = wish.shown if wish.shown is not None else wish.summary is not None
        self._open: set[tuple[int, int]] = set()
        """Parts that are reasoning."""
        self._bare: set[tuple[int, int]] = set()
        """Those of them that have neither words nor state."""
        self._shown = self._counted = self._withheld = False

    @property
    def needed(self) -> bool:
        """Whether there is anything to find out."""
        return self._state_due or self._wanted is not None

    def see(self, event: Event) -> None:
        """One more event of a stream."""
        if isinstance(event, PartBegin):
            if isinstance(event.part, Reasoning):
                self._begin((event.choice, event.index), event.part)
        elif isinstance(event, Grow | Sign):
            place = (event.choice, event.index)
            if isinstance(event, Sign) or (event.text and event.section < 0):
                self._bare.discard(place)
            if isinstance(event, Sign):
                self._withheld = self._withheld or event.state.kind == "redacted"
            elif event.text and place in self._open:
                self._shown = True
        elif isinstance(event, UsageSeen):
            self._counted = bool(event.usage.reasoning_tokens)
        elif isinstance(event, End):
            self._end()

    def see_whole(self, answer: Answer, usage: Usage) -> None:
        """A whole answer."""
        for number, choice in enumerate(answer.choices):
            for index, part in enumerate(choice.parts):
                if isinstance(part, Reasoning):
                    self._begin((number, index), part)
        self._counted = bool(usage.reasoning_tokens)
        self._end()

    def _begin(self, place: tuple[int, int], part: Reasoning) -> None:
        self._open.add(place)
        self._shown = self._shown or bool(part.text or any(part.summary))
        if not part.text and part.state is None:
            self._bare.add(place)
        if part.state is not None and part.state.kind == "redacted":
            self._withheld = True

    def _end(self) -> None:
        if self._state_due and self._bare:
            self._losses.add("reasoning.state")
        if self._wanted is None or self._shown == self._wanted:
            return
        if self._shown or (not self._withheld and (self._open or self._counted)):
            self._losses.add(SHOWN)  # there was reasoning, which the provider could have shown
