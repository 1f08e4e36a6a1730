"""What an answer says about itself, whatever its dialect."""

from __future__ import annotations

import msgspec

from freehold.core.usage import NO_USAGE, Usage


class Facts(msgspec.Struct, gc=False):
    """What an answer says about itself."""

    model: str | None = None
    stop_reason: str | None = None
    usage: Usage = NO_USAGE
    raw_usage: bytes | None = None


NO_FACTS = Facts()
