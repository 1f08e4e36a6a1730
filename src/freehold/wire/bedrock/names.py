"""Names within what Converse allows: of documents, tools and calls. The same name gives the same one again."""

from __future__ import annotations

import hashlib
import re

from freehold.core.errors import BadRequest

_NOT_IN_DOCUMENT = re.compile(r"[^A-Za-z0-9\s\-()\[\]]+")
_SPACES = re.compile(r"\s+")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_TOOL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_IN_TOOL = re.compile(r"[^a-zA-Z0-9_-]")


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


def tool_name(name: str, place: str) -> str:
    """The name of a tool that may be called now. Raises BadRequest for one that is not allowed: put another way, the
    model would call it by a name that the client does not know.
    """
    if not _TOOL.fullmatch(name):
        raise BadRequest(
            f"The name of the tool `{name}` is not one that Bedrock takes: 1 to 64 letters, digits, `_` and `-`.",
            param=place,
        )
    return name


def past_tool_name(name: str) -> str:
    """The name of a tool in an earlier turn; nobody calls it by this name any more."""
    return name if _TOOL.fullmatch(name) else _NOT_IN_TOOL.sub("_", name)[:64] or "tool"
