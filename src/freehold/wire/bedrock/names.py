"""Names within what Converse allows: of documents and calls. The same name gives the same one again."""

from __future__ import annotations

import hashlib
import re

_NOT_IN_DOCUMENT = re.compile(r"[^A-Za-z0-9\s\-()\[\]]+")
_SPACES = re.compile(r"\s+")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")


class DocumentNames:
    """Names for the documents of one request: each within the allowed letters, and no two the same."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._last: dict[str, int] = {}
        """The number that each stem was given last."""

    def name_for(self, name: str | None) -> str:
        """The document's own name as far as it is allowed; a number, when it has none."""
        bare = _EXTENSION.sub("", name or "")
        plain = _SPACES.sub(" ", _NOT_IN_DOCUMENT.sub(" ", bare)).strip()[:190].rstrip()
        stem = plain or "Document"
        number = self._last.get(stem, 1)
        candidate = plain or "Document 1"
        while candidate in self._given:
            number += 1
            candidate = f"{stem} {number}"
        self._last[stem] = number
        self._given.add(candidate)
        return candidate


def call_id(given: str) -> str:
    """The id of a call, or one made of it where it has letters that are not allowed."""
    return (
        given
        if _CALL_ID.fullmatch(given)
        else f"call_{hashlib.sha256(given.encode('utf-8', 'replace')).hexdigest()[:32]}"
    )
