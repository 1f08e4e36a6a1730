"""Masks what is told about persons, and secrets, in requests: by placeholders that are the same within a case.

`anna@example.com` becomes `<EMAIL_1>` wherever it stands in the case, so that the question keeps its meaning.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from freehold.compare.suites.secrets import Span, names_secret, secrets_in

Find = Callable[[str], Iterable[Span]]
"""Finds what is to be masked in a text."""

_LITERAL = frozenset(("role", "type", "detail", "format"))
"""Names whose values are words of the dialect."""
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,40}(?:/[a-z0-9+.-]{1,40})?")
_NUMBER_DIGITS = 6
"""Of a number in JSON that may be somebody's."""
_FEWEST_DIGITS = 3
"""Of a number in JSON whose name says that it is a secret."""
_PLACEHOLDER = re.compile(r"<[A-Z]+_\d+>")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_encode = msgspec.json.Encoder().encode


class Masking:
    """Masks cases, and counts what was masked."""

    def __init__(self, find: Find | None = None) -> None:
        """`find` finds what is told about persons in a text of ASCII; secrets are found always."""
        self._find = find
        self.counts: Counter[str] = Counter()
        """How many pieces of each kind."""
        self.cases = 0
        """In how many cases there was any."""

    def mask(self, values: Iterable[Any]) -> list[Any]:
        """The values of one case, which are JSON: every text in them, wherever it stands."""
        mask = _Mask(self._spans)
        masked = [mask.value(value) for value in values]
        self.counts.update(mask.counts)
        self.cases += bool(mask.counts)
        return masked

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """What is to be masked, in order; what overlaps is one piece: a secret where one is in it, else of the kind
        of its longest part.
        """
        plain = _in_ascii(text)
        found = [*secrets_in(text), *(() if plain is text else secrets_in(plain))]
        if self._find is not None:
            found += self._find(plain)
        joined: list[tuple[int, int, str, tuple[bool, int]]] = []
        for start, end, kind in sorted(found):
            rank = kind == "SECRET", end - start
            if joined and start < joined[-1][1]:
                begin, last, before, highest = joined.pop()
                joined.append((begin, max(last, end), kind if rank > highest else before, max(rank, highest)))
            else:
                joined.append((start, end, kind, rank))
        return [(start, end, kind) for start, end, kind, _ in joined]


class _Mask:
    """The placeholders of one case."""

    def __init__(self, spans: Callable[[str], list[tuple[int, int, str]]]) -> None:
        self._spans = spans
        self._known: dict[tuple[str, str], str] = {}
        self._in_arguments = False
        """Elsewhere numbers are bounds and counts."""
        self.counts: Counter[str] = Counter()

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            if name in _LITERAL and not self._in_arguments and _WORD.fullmatch(value):
                return value
            if self._in_arguments and value and names_secret(name) and not _PLACEHOLDER.fullmatch(value):
                return self._placeholder("SECRET", value)
            return self._arguments(value) if name == "arguments" else self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, name) for one in value]
        return self._number(value, name) if self._in_arguments else value

    def text(self, text: str) -> str:
        pieces, last = [], 0
        for start, end, kind in self._spans(text):
            if _PLACEHOLDER.fullmatch(text[start:end]):
                continue
            pieces += [text[last:start], self._placeholder(kind, text[start:end])]
            last = end
        return "".join([*pieces, text[last:]])

    def _arguments(self, text: str) -> str:
        """JSON in a text stays JSON."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return self.text(text)
        before, self._in_arguments = self._in_arguments, True
        masked = self.value(value)
        self._in_arguments = before
        return text if masked == value else _encode(masked).decode()

    def _number(self, value: Any, name: str) -> Any:
        """A number that is somebody's becomes the text of its placeholder."""
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) < 10**_FEWEST_DIGITS:
            return value
        text = str(value)
        if names_secret(name):
            return self._placeholder("SECRET", text)
        if abs(value) < 10**_NUMBER_DIGITS:
            return value
        masked = self.text(text)
        return value if masked == text else masked

    def _placeholder(self, kind: str, found: str) -> str:
        self.counts[kind] += 1
        plain = unicodedata.normalize("NFKC", found).casefold()
        key = (
            kind,
            "".join(one for one in plain if one.isalnum() or one in "@.") if kind != "SECRET" else found,
        )
        known = self._known.get(key)
        if known is None:
            number = 1 + sum(other == kind for other, _ in self._known)
            known = self._known[key] = f"<{kind}_{number}>"
        return known


def _in_ascii(text: str) -> str:
    """The text with every other character as its ASCII form, or else as a space: the same where it is ASCII alone.

    Forms end where words do, and a Korean ending behind a number would be part of the word. The length stays, so that
    what is found in the one is at the same place in the other.
    """
    return text if text.isascii() else _NOT_ASCII.sub(_as_ascii, text)


def _as_ascii(found: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", found[0])
    if len(plain) == 1 and plain.isascii():
        return plain
    return "-" if unicodedata.category(found[0]) == "Pd" else " "
