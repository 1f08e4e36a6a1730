"""What a model thinks before it answers, told apart from the answer."""

from __future__ import annotations

BEGIN, END = "<think>", "</think>"


class Thinking:
    """Takes an answer's text in pieces and says of each part whether it is thought or said.

    Thinking stands at the beginning, between two tags. What may begin a tag is held back until it is known.
    """

    def __init__(self, *, begun: bool) -> None:
        """`begun`: the prompt ends with the first tag already, so that the answer begins with a thought."""
        self._place = "inside" if begun else "before"
        self._held = ""
        self._fresh = True
        """Nothing of this place has been told yet: what sets it apart from the tag is not part of it."""

    @property
    def inside(self) -> bool:
        """Whether it is thinking."""
        return self._place == "inside"

    def feed(self, text: str) -> tuple[str, str]:
        """More of the answer; what of it is thought, and what is said."""
        self._held += text
        thought = ""
        if self._place == "before":
            start = self._held.lstrip()
            if start.startswith(BEGIN):
                self._place, self._held = "inside", start[len(BEGIN) :]
            elif not BEGIN.startswith(start):
                self._place, self._fresh = "after", False
        if self._place == "inside":
            thought, closed, rest = self._held.partition(END)
            if not closed:
                rest = _beginning_of(END, thought)
                thought = thought[: len(thought) - len(rest)]
            thought = self._without_space(thought)
            self._held = rest
            if closed:
                self._place, self._fresh = "after", True
        said = ""
        if self._place == "after":
            said, self._held = self._without_space(self._held), ""
        return thought, said

    def end(self) -> tuple[str, str]:
        """The answer is complete: what was held back is what it is."""
        held, self._held = self._held, ""
        return (held, "") if self.inside else ("", held)

    def _without_space(self, text: str) -> str:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        return text


def _beginning_of(tag: str, text: str) -> str:
    """The end of the text that may be the beginning of a tag."""
    return next((tag[:length] for length in range(len(tag) - 1, 0, -1) if text.endswith(tag[:length])), "")
