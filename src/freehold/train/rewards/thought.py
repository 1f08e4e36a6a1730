"""A model's text, taken apart into what it thought and what it answers."""

from __future__ import annotations

from typing import NamedTuple

OPEN = "<think>"
CLOSE = "</think>"


class Thinking(NamedTuple):
    """What a model wrote."""

    thought: str
    """What stands between the marks."""
    answer: str
    """What stands behind them; all of it where there are none. Empty where a thought never ends."""
    in_form: bool
    """Whether each mark stands there at most once, both or neither, with nothing before the thought, and an answer."""


def take_apart(text: str) -> Thinking:
    """The thought and the answer of a text that may begin with `<think>`.

    A text that thinks without an end has no answer: what it would have said is not known.
    """
    before, opened, rest = text.partition(OPEN)
    if not opened:
        return Thinking("", text.strip(), in_form=bool(text.strip()) and CLOSE not in text)
    thought, closed, answer = rest.partition(CLOSE)
    if not closed:
        return Thinking(rest.strip(), "", in_form=False)
    answer = answer.strip()
    once = OPEN not in rest and CLOSE not in answer
    return Thinking(thought.strip(), answer, in_form=once and bool(answer) and not before.strip())


def put_together(thought: str, answer: str) -> str:
    """The text that thinks this and answers that. `take_apart` gives both back, where neither holds a mark."""
    return f"{OPEN}{thought}{CLOSE}{answer}" if thought else answer
