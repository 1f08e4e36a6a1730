"""Citations as Converse has them, whole and in streams."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import Citation
from freehold.wire.reading import Object

_PLACES: dict[str, Literal["characters", "pages", "blocks"]] = {
    "documentChar": "characters",
    "documentPage": "pages",
    "documentChunk": "blocks",
}


def decode_citation(cited: Object) -> Citation:
    """One citation. Raises Unreadable."""
    quote = "".join(piece.take("text", str) or "" for piece in cited.take_objects("sourceContent") or ())
    title, source = cited.take("title", str), cited.take("source", str)
    where = cited.take_object("location")
    extra = cited.rest()
    if source is not None:
        extra["source"] = msgspec.Raw(msgspec.json.encode(source))
    if where is None:
        return Citation(title=title, quote=quote or None, extra=extra)
    web = where.take_object("web")
    if web is not None:
        if (domain := web.take_raw("domain")) is not None:
            extra["domain"] = msgspec.Raw(domain)
        return Citation(
            kind="url", url=web.take("url", str), title=title, quote=quote or None, extra=extra | web.rest()
        )
    for name, unit in _PLACES.items():
        if (place := where.take_object(name)) is not None:
            return Citation(
                kind="document",
                title=title,
                quote=quote or None,
                document=place.take("documentIndex", int),
                source_start=place.take("start", int),
                source_end=place.take("end", int),
                unit=unit,
                extra=extra | place.rest(),
            )
    extra["location"] = _together(where.rest())
    return Citation(title=title, quote=quote or None, extra=extra)


def _together(fields: Fields) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(fields))
