"""Words of the dialect, and how its JSON is read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import State

NAME: Final = "openai-responses"

ENCRYPTED_REASONING = "reasoning.encrypted_content"
"""What `include` asks for encrypted reasoning with."""
TEXT_LOGPROBS = "message.output_text.logprobs"
"""What `include` asks for log-probabilities with."""

MESSAGE = "message."
"""Before the names of a message item's own fields, where they are kept beside those of its first part."""
CONTENT = "content."
"""Before the kind of a Foreign that stood in a message's content and whose type could be an item's as well."""

Json = dict[str, Any]
"""A JSON object that is being written; its values may be msgspec.Raw."""
StateReader = Callable[[str], State]
"""How opaque state is read: as a client sent it, or as a provider made it."""

UNREADABLE = (ValueError, RecursionError)
"""What reading raises for bytes it cannot read."""

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def packed(value: Json) -> msgspec.Raw:
    """The value as JSON, to be written more than once."""
    return msgspec.Raw(encode(value))


def own_fields(fields: Fields, dialect: str, losses: Losses) -> Fields:
    """The fields as they go out again: those of another dialect are losses."""
    if dialect == NAME:
        return fields
    for name in fields:
        losses.add("field", name)
    return {}


ERROR = "error"
"""Of a choice that failed: what its provider said, in this dialect."""
