"""Where text is from: `groundingMetadata` and `citationMetadata`, whose places are counted in bytes."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Citation
from freehold.wire.gemini.fields import Json
from freehold.wire.gemini.ruler import Ruler

_LONGEST_SHOWN = 2000
"""Characters of a cited text that are repeated with its places: many citations may be about all of a long one."""


class _Source(msgspec.Struct):
    uri: str | None = None
    title: str | None = None
    text: str | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    web: _Source | None = None
    retrieved_context: _Source | None = None
    maps: _Source | None = None


class _Segment(msgspec.Struct, rename="camel"):
    part_index: int | None = None
    start_index: int | None = None
    end_index: int | None = None


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


class _Recited(msgspec.Struct, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class _Recitation(msgspec.Struct, rename="camel"):
    citation_sources: list[_Recited] | None = None
    citations: list[_Recited] | None = None


_decode_grounding = msgspec.json.Decoder(_Grounding).decode
_decode_recitation = msgspec.json.Decoder(_Recitation).decode

Places = list[tuple[int | None, Citation]]
"""Citations, their places still in bytes, each with the index of the part that it is about, where that is said."""


def cited(grounding: bytes | msgspec.Raw | None, recitation: bytes | msgspec.Raw | None) -> Places:
    """What both objects say. What is not understood says nothing: the objects themselves are kept anyway."""
    found: Places = []
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if grounding is not None:
            found += _grounded(_decode_grounding(grounding))
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if recitation is not None:
            found += _recited(_decode_recitation(recitation))
    return found


def _recited(recitation: _Recitation) -> Places:
    sources = (*(recitation.citation_sources or []), *(recitation.citations or []))
    return [
        (
            None,
            Citation(kind="url", url=one.uri, title=one.title, start=one.start_index or 0, end=one.end_index),
        )
        for one in sources
    ]


def _grounded(grounding: _Grounding) -> Places:
    chunks = grounding.grounding_chunks or []
    found: Places = []
    for support in grounding.grounding_supports or []:
        segment = support.segment or _Segment()
        for number in support.grounding_chunk_indices or []:
            if 0 <= number < len(chunks):
                citation = _citation(chunks[number], segment)
                found.append((segment.part_index, citation))
    return found


def _citation(chunk: _Chunk, segment: _Segment) -> Citation:
    start, end = segment.start_index or 0, segment.end_index
    context = chunk.retrieved_context
    if context is not None:
        return Citation(
            kind="file", url=context.uri, title=context.title, quote=context.text, start=start, end=end
        )
    source = chunk.web or chunk.maps
    if source is None:
        return Citation(start=start, end=end)
    return Citation(kind="url", url=source.uri, title=source.title, start=start, end=end)


def in_characters(citation: Citation, ruler: Ruler) -> Citation:
    """The citation with its places in characters of the ruler's text."""
    if ruler.text.isascii():
        return citation
    start, end = citation.start, citation.end
    return msgspec.structs.replace(
        citation,
        start=None if start is None else ruler.characters_at(start),
        end=None if end is None else ruler.characters_at(end),
    )


class GroundingWriter:
    """Makes `groundingMetadata` of citations."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._chunks: dict[tuple[str | None, str | None, str | None], int] = {}
        self._written: list[Json] = []
        self._supports: list[Json] = []

    def add(self, citation: Citation, ruler: Ruler, part: int = 0, before: int = 0) -> None:
        """A citation of the ruler's text, which is the part with the index `part`; `before` are bytes of text
        before it.
        """
        key = (citation.url, citation.title, citation.quote)
        number = self._chunks.get(key)
        if number is None:
            number = self._chunks[key] = len(self._written)
            self._written.append(_source_out(citation))
        start, end = citation.start or 0, citation.end if citation.end is not None else len(ruler.text)
        segment: Json = {"partIndex": part} if part else {}
        if first := before + ruler.bytes_at(start):
            segment["startIndex"] = first
        segment["endIndex"] = before + ruler.bytes_at(end)
        if end - start <= _LONGEST_SHOWN:
            segment["text"] = ruler.text[start:end]
        self._supports.append({"segment": segment, "groundingChunkIndices": [number]})
        for name in citation.extra:
            self._losses.add("answer", f"citation.{name}")
        if citation.file_id is not None:
            self._losses.add("answer", "citation.file_id")
        if citation.url is None and citation.title is None and citation.quote is None:
            self._losses.add("citations")

    def result(self) -> Json | None:
        """The object; None without citations."""
        if not self._supports:
            return None
        return {"groundingChunks": self._written, "groundingSupports": self._supports}


def _source_out(citation: Citation) -> Json:
    source: Json = {}
    if citation.url is not None:
        source["uri"] = citation.url
    if citation.title is not None:
        source["title"] = citation.title
    if citation.url is not None and citation.quote is None:
        return {"web": source}
    if citation.quote is not None:
        source["text"] = citation.quote
    return {"retrievedContext": source}
