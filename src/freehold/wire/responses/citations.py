"""Annotations of a text, and the citations they are."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Citation
from freehold.wire.reading import Object
from freehold.wire.responses.vocabulary import Json

_WHOLE = "output_text.annotation"
"""Under which an annotation of an unknown type is kept."""
_OURS = ("index", "container_id")
"""What only this dialect's annotations say."""


def read_citation(raw: msgspec.Raw, path: str) -> Citation:
    """One annotation. Raises Unreadable."""
    annotation = Object(raw, path)
    kind = annotation.take("type", str)
    if kind == "url_citation":
        return Citation(
            kind="url",
            url=annotation.take("url", str),
            title=annotation.take("title", str),
            start=annotation.take("start_index", int),
            end=annotation.take("end_index", int),
            extra=annotation.rest(),
        )
    if kind in ("file_citation", "container_file_citation", "file_path"):
        return Citation(
            kind="file",
            file_id=annotation.take("file_id", str),
            title=annotation.take("filename", str),
            start=annotation.take("start_index", int),
            end=annotation.take("end_index", int),
            extra=annotation.rest(),
        )
    return Citation(extra={_WHOLE: msgspec.Raw(bytes(raw))})


def write_citation(citation: Citation, losses: Losses) -> Json | msgspec.Raw | None:
    """The annotation; None when this dialect has none for it, which is a loss.

    The dialect's types demand the place of the supported words: 0 stands for what nobody said.
    """
    if _WHOLE in citation.extra:
        return citation.extra[_WHOLE]
    if citation.url is None and citation.file_id is None:
        losses.add("citations")
        return None
    if citation.quote is not None:
        losses.add("answer", "citation.quote")
    for name in citation.extra:
        if name not in _OURS:
            losses.add("answer", f"citation.{name}")
    start, end = citation.start or 0, citation.end or 0
    if citation.url is not None:
        return {
            "type": "url_citation",
            "url": citation.url,
            "title": citation.title or "",
            "start_index": start,
            "end_index": end,
        }
    index = citation.extra.get("index", 0)
    if "container_id" in citation.extra:
        return {
            "type": "container_file_citation",
            "file_id": citation.file_id,
            "filename": citation.title or "",
            "start_index": start,
            "end_index": end,
            "container_id": citation.extra["container_id"],
        }
    if citation.title is None:
        return {"type": "file_path", "file_id": citation.file_id, "index": index}
    return {"type": "file_citation", "file_id": citation.file_id, "filename": citation.title, "index": index}
