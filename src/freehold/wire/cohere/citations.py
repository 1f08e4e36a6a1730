"""Citations as Cohere has them: a piece of the answer and one or more sources."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import Citation
from freehold.wire.reading import Object, is_object

DOCUMENT_ID = "doc:{}"
"""The id of the request's nth document, and Cohere's own for those without one."""
_NUMBERED = re.compile(r"doc:(\d{1,9})")


def decode_citations(cited: Object) -> list[Citation]:
    """One citation for each source. Raises Unreadable."""
    start, end = cited.take("start", int), cited.take("end", int)
    cited.drop("content_index", "text")  # which part it is of; the words between `start` and `end`
    sources = cited.take_objects("sources") or []
    common = cited.rest()
    if not sources:
        return [Citation(start=start, end=end, extra=common)]
    return [_citation(source, start, end, common) for source in sources]


def _citation(source: Object, start: int | None, end: int | None, common: Fields) -> Citation:
    kind = source.take("type", str)
    identifier = source.take("id", str)
    title, url = None, None
    raw = source.take_raw("document")
    if raw is not None and is_object(raw):
        document = Object(raw, source.place("document"))
        title, url = _word(document, "title"), _word(document, "url")
    number = _NUMBERED.fullmatch(identifier or "")
    extra = common | source.rest()
    for name, value in (("document", raw), ("id", msgspec.json.encode(identifier) if identifier else None)):
        if value is not None:
            extra[name] = msgspec.Raw(value)
    is_document: Literal["document", "other"] = "document" if kind == "document" else "other"
    return Citation(
        kind=is_document,
        title=title,
        url=url,
        start=start,
        end=end,
        document=int(number[1]) if number and is_document == "document" else None,
        extra=extra,
    )


def _word(document: Object, name: str) -> str | None:
    """A field of a document, which may hold anything."""
    raw = document.take_raw(name)
    value = None if raw is None else msgspec.json.decode(raw)
    return value if isinstance(value, str) else None
