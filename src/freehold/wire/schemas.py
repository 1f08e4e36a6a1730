"""JSON Schemas for providers that know only a part of the language, with the names of what was left out.

What is not named as lost is kept: an answer that fits the adapted schema fits the original too. It may be narrower: an
object that could have had unknown fields has none. What is left out of a schema is told in its description.
"""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.wire.schema_adaptation import Adaptation
from freehold.wire.schema_subsets import ANTHROPIC, GEMINI, OPENAI, Subset


class Adapted(msgspec.Struct, frozen=True):
    """A schema that a provider takes."""

    schema: bytes
    lost: tuple[str, ...] = ()
    """Keywords that could not be kept, each once: details of the loss `schema`."""


def for_openai(schema: bytes) -> Adapted:
    """For `strict` tools and answers of OpenAI: closed objects with every field required."""
    return _adapt(schema, OPENAI)


def for_anthropic(schema: bytes) -> Adapted:
    """For Anthropic's structured outputs and strict tools."""
    return _adapt(schema, ANTHROPIC)


def for_gemini(schema: bytes) -> Adapted:
    """For Gemini's `responseSchema` and `parameters`, where its fields for JSON Schema are not taken."""
    return _adapt(schema, GEMINI)


def _adapt(schema: bytes, subset: Subset) -> Adapted:
    try:
        root = msgspec.json.decode(schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("A JSON Schema is not valid JSON.") from None
    if not isinstance(root, dict | bool):
        raise BadRequest("A JSON Schema is not an object.")
    adaptation = Adaptation(root, subset)
    try:
        adapted = adaptation.root()
    except RecursionError:
        raise BadRequest("A JSON Schema is too deep.") from None
    return Adapted(msgspec.json.encode(adapted), tuple(adaptation.lost))
