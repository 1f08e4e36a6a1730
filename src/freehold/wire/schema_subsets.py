"""How much of JSON Schema each provider knows."""

from __future__ import annotations

import msgspec

_KEPT_EVERYWHERE = frozenset(
    {"title", "description", "type", "enum", "const", "properties", "required", "items", "anyOf"}
)
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


class Subset(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider knows of JSON Schema."""

    keywords: frozenset[str]
    formats: frozenset[str]
    closed: bool = True
    """Objects must say `additionalProperties: false`."""
    all_required: bool = False
    """Every field must be required: one that is not gets null as a value."""
    recursive: bool = True
    open_api: bool = False
    """No references, one type in capitals beside `nullable`, only texts in `enum`."""
    simple_patterns: bool = False
    most_min_items: int | None = None


OPENAI = Subset(
    keywords=_KEPT_EVERYWHERE | _NUMBERS | {"pattern", "format", "minItems", "maxItems"},
    formats=_FORMATS,
    all_required=True,
)
ANTHROPIC = Subset(
    keywords=_KEPT_EVERYWHERE | {"default", "pattern", "format", "minItems"},
    formats=_FORMATS | {"uri"},
    recursive=False,
    simple_patterns=True,
    most_min_items=1,
)
GEMINI = Subset(
    keywords=_KEPT_EVERYWHERE - {"const"}
    | {
        "default",
        "example",
        "propertyOrdering",
        "pattern",
        "format",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
    }
    | {"minProperties", "maxProperties", "minimum", "maximum"},
    formats=frozenset({"date-time", "enum", "int32", "int64", "float", "double"}),
    closed=False,
    recursive=False,
    open_api=True,
)
