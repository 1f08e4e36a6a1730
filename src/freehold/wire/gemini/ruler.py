"""Places in a text, which Gemini counts in bytes and everybody else in characters."""

from __future__ import annotations

from bisect import bisect_right

_STEP = 1024
"""Characters between two marks: a place is found without going through all that is before it."""


class Ruler:
    """One text's places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._data = b"" if text.isascii() else text.encode()
        self._marks = [0]
        """Bytes before every so many characters; only of a text whose characters are not all of one byte."""
        if self._data:
            for start in range(0, len(text), _STEP):
                self._marks.append(self._marks[-1] + len(text[start : start + _STEP].encode()))

    def characters_at(self, place: int) -> int:
        """How many characters end before the byte `place`."""
        if not self._data:
            return place
        place = min(max(place, 0), len(self._data))
        mark = bisect_right(self._marks, place) - 1
        rest = self._data[self._marks[mark] : place].decode(errors="ignore")
        return min(mark * _STEP, len(self.text)) + len(rest)

    def bytes_at(self, place: int) -> int:
        """How many bytes come before the character `place`."""
        place = min(max(place, 0), len(self.text))
        if not self._data:
            return place
        mark = place // _STEP
        return self._marks[mark] + len(self.text[mark * _STEP : place].encode())
