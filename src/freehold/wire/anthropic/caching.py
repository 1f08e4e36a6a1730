"""Where the prompt is to be cached: `cache_control`."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import CacheMark
from freehold.wire.reading import Object


def take_cache(holder: Object) -> tuple[CacheMark | None, Fields]:
    """The mark, and `cache_control` as it came where it says more than a mark can."""
    raw = holder.take_raw("cache_control")
    if raw is None:
        return None, {}
    control = Object(raw, holder.place("cache_control"))
    kind, mark = control.take("type", str), CacheMark(control.take("ttl", str))
    if control.rest() or kind not in ("ephemeral", None):
        return mark, {"cache_control": msgspec.Raw(raw)}
    return mark, {}


def put_cache(fields: dict[str, object], mark: CacheMark | None) -> None:
    """Adds the mark, unless the fields have one already."""
    if mark is not None and "cache_control" not in fields:
        ttl = {} if mark.ttl is None else {"ttl": mark.ttl}
        fields["cache_control"] = {"type": "ephemeral", **ttl}
