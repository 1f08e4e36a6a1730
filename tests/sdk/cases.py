"""What is asked for in every SDK."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE_SHOWN = {"media": "image", "sha256": sha256(PICTURE).hexdigest()}
"""How a provider describes that it saw it."""

WEATHER = "weather"
WEATHER_TEXT = "The weather in a city."
WEATHER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
FIRST = {"city": "Zürich", "days": 2}
SECOND = {"city": "Bern", "days": 1}
THOUGHT = "Two cities, two calls."
SUM = "Zürich 21, Bern 19."


class Place(BaseModel):
    """Where."""

    city: str
    country: str | None


class Forecast(BaseModel):
    """What the answer has to look like."""

    place: Place
    days: int
    notes: list[str]


def two_results(understood: dict[str, Any]) -> list[dict[str, Any]]:
    """The turns that a provider has understood when both results have come back, in order and for the right call."""
    assert [turn["role"] for turn in understood["turns"]] == ["user", "assistant", "user"]
    question, calls, results = (
        [part for part in turn["parts"] if "reasoning" not in part] for turn in understood["turns"]
    )
    assert question == [{"text": "Where is it warmer?"}]
    assert calls == [
        {"call": 1, "name": WEATHER, "arguments": FIRST},
        {"call": 2, "name": WEATHER, "arguments": SECOND},
    ]
    assert results == [{"result": 1, "content": {"degrees": 21}}, {"result": 2, "content": {"degrees": 19}}]
    return results
