"""Citations: where a text is from."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Citation
from freehold.wire.reading import Object

_UNITS = {
    "char_location": ("characters", "char_index"),
    "page_location": ("pages", "page_number"),
    "content_block_location": ("blocks", "block_index"),
}
"""Type of a citation of a document -> the unit and how its fields end."""
_TYPES = {unit: (kind, ending) for kind, (unit, ending) in _UNITS.items()}


def decode_citation(raw: bytes | msgspec.Raw, path: str = "") -> Citation:
    """One citation. Raises Unreadable."""
    fields = Object(raw, path)
    kind = fields.take("type", str)
    quote = fields.take("cited_text", str)
    if kind in _UNITS:
        unit, ending = _UNITS[kind]
        return Citation(
            kind="document",
            quote=quote,
            title=fields.take("document_title", str),
            document=fields.take("document_index", int),
            file_id=fields.take("file_id", str),
            source_start=fields.take(f"start_{ending}", int),
            source_end=fields.take(f"end_{ending}", int),
            unit=unit,  # type: ignore[arg-type]
            extra=fields.rest(),
        )
    if kind == "web_search_result_location":
        url, title = fields.take("url", str), fields.take("title", str)
        return Citation(kind="url", quote=quote, url=url, title=title, extra=fields.rest())
    if kind == "search_result_location":
        source, title = fields.take("source", str), fields.take("title", str)
        is_url = (source or "").startswith(("http://", "https://"))
        return Citation(
            kind="url" if is_url else "other",
            quote=quote,
            url=source,
            title=title,
            source_start=fields.take("start_block_index", int),
            source_end=fields.take("end_block_index", int),
            unit="blocks",
            extra=fields.rest(),
        )
    rest = fields.rest()
    if kind is not None:
        rest["type"] = msgspec.Raw(msgspec.json.encode(kind))
    return Citation(quote=quote, extra=rest)


def encode_citation(citation: Citation, losses: Losses) -> dict[str, object] | None:
    """One citation; None, a loss, where there is no such form. Extra fields have been sorted out before."""
    fields: dict[str, object] = {**citation.extra}
    if citation.start is not None or citation.end is not None:
        losses.add("citations")  # which words are supported: here it is all of the text block
    if "search_result_index" in fields:
        fields |= {
            "type": "search_result_location",
            "source": citation.url or "",
            "title": citation.title,
            "start_block_index": citation.source_start or 0,
            "end_block_index": citation.source_end or 0,
        }
    elif citation.document is not None and citation.unit in _TYPES:
        kind, ending = _TYPES[citation.unit]
        fields |= {
            "type": kind,
            "document_index": citation.document,
            "document_title": citation.title,
            f"start_{ending}": citation.source_start or 0,
            f"end_{ending}": citation.source_end or 0,
        }
        if citation.file_id is not None:
            fields["file_id"] = citation.file_id
    elif citation.url is not None:
        fields |= {"type": "web_search_result_location", "url": citation.url, "title": citation.title}
        fields.setdefault("encrypted_index", "")
    elif "type" not in fields:
        losses.add("citations")
        return None
    fields["cited_text"] = citation.quote or ""
    return fields
