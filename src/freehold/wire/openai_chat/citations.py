"""Where a text is from: the `annotations` of messages, and the lists of Perplexity."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Citation
from freehold.wire.openai_chat.names import Written, packed
from freehold.wire.reading import Object, is_object, is_text, plain


def citations_of(annotations: list[Object]) -> list[Citation]:
    """The `annotations` of a message."""
    return [_citation(annotation) for annotation in annotations]


def _citation(annotation: Object) -> Citation:
    annotation.drop("index")  # of the piece in a stream
    if not annotation.has("url_citation"):
        return Citation(extra={"annotation": packed(annotation.rest())})
    kind = annotation.take("type", str) or "url_citation"
    cited = annotation.take_object("url_citation") or Object(b"{}")
    extra: Fields = annotation.rest()
    citation = Citation(
        kind="url" if kind == "url_citation" else "other",
        url=cited.take("url", str),
        title=cited.take("title", str),
        quote=cited.take("content", str),
        start=cited.take("start_index", int),
        end=cited.take("end_index", int),
    )
    rest = cited.rest()
    if rest:
        extra = {**extra, "url_citation": packed(rest)}
    return msgspec.structs.replace(citation, extra=extra) if extra else citation


def sources_of(citations: bytes | None, results: bytes | None) -> list[Citation]:
    """Perplexity's `citations` (addresses) and `search_results` (with titles) beside the choices."""
    found: dict[str, Citation] = {}
    for source in _entries(results):
        if is_object(source):
            cited = Object(source)
            url = cited.take("url", str)
            if url:
                found[url] = Citation(
                    kind="url", url=url, title=cited.take("title", str), quote=cited.take("snippet", str)
                )
    for source in _entries(citations):
        if is_text(source):
            url = str(plain(source))
            found.setdefault(url, Citation(kind="url", url=url))
    return list(found.values())


def _entries(raw: bytes | None) -> list[msgspec.Raw]:
    return [] if raw is None else Object(b'{"list":%b}' % raw).take_list("list") or []


def stand_beside(extra: Fields) -> bool:
    """Whether an answer's unknown fields are lists that `sources_of` reads: within the dialect they go as they are."""
    return "citations" in extra or "search_results" in extra


def annotation_of(
    citation: Citation, losses: Losses, *, same_dialect: bool, offset: int = 0
) -> Written | None:
    """The citation as an annotation; None, and a loss, when it is not of a page. `offset` is where its part begins."""
    own = citation.extra.get("annotation") if same_dialect else None
    if own is not None:
        return msgspec.json.decode(own, type=dict[str, msgspec.Raw])
    if citation.url is None:
        losses.add("citations")
        return None
    cited: Written = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": offset + (citation.start or 0),
        "end_index": offset + (citation.end or 0),
    }
    if citation.quote is not None:
        cited["content"] = citation.quote
    written: Written = {"type": "url_citation", "url_citation": cited}
    if not same_dialect:
        for name in citation.extra:
            losses.add("answer", f"citation.{name}")
    elif citation.extra:
        rest = dict(citation.extra)
        inner = rest.pop("url_citation", None)
        if inner is not None:
            cited.update(msgspec.json.decode(inner, type=dict[str, msgspec.Raw]))
        written.update(rest)
    return written
