"""What is kept of the Responses API and gone on from; answers held to a schema; files that are their own address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from freehold.core.errors import BadRequest
from freehold.engine.structured import check, cleaned
from freehold.providers.fetch.embedded import read_data_url
from freehold.wire.dialects import dialect_of
from freehold.wire.openai_answer import read_chat_answer
from freehold.wire.request import read_responses_request
from freehold.wire.responses import items
from freehold.wire.responses.kept_answer import Said, retold

from . import chat
from .damage import Frames
from .judging import need_json
from .target import Target

_SCHEMA: Any = {
    "type": "object",
    "$defs": {"a": {"type": "string", "pattern": "^a+(b|c)*$", "maxLength": 5}, "b": {"$ref": "#/$defs/a"}},
    "properties": {
        "x": {"$ref": "#/$defs/b"},
        "y": {
            "type": "array",
            "items": {"type": "number", "multipleOf": 0.5, "minimum": 1},
            "uniqueItems": True,
        },
        "z": {"anyOf": [{"enum": [1, "a", None]}, {"const": {"a": 1}}, {"not": {"type": "object"}}]},
    },
    "required": ["x"],
    "additionalProperties": False,
    "unevaluatedProperties": False,
    "patternProperties": {"^w": {"type": "integer"}},
    "if": {"required": ["z"]},
    "then": {"minProperties": 2},
    "dependentRequired": {"y": ["z"]},
}
_GOOD = {"x": "aab", "y": [1, 1.5, 2], "z": {"a": 1}, "w1": 3}
_CHECKED: list[Any] = [
    {"schema": _SCHEMA, "text": json.dumps(_GOOD)},
    {"schema": _SCHEMA, "text": f"Here it is:\n```json\n{json.dumps(_GOOD)}\n```\nDone {{}} [1]"},
    {
        "schema": {"type": "array", "prefixItems": [{"type": "integer"}], "contains": {"const": 2}},
        "text": "[1, 2]",
    },
    {"schema": None, "text": "{}"},
]
_URLS = [
    "data:image/png;base64,AAAA",
    "data:text/plain;charset=utf-8,a%20b",
    "data:,x",
    "data:;base64,A A%3D%3D",
]
_CHAT = {
    "id": "x",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1},
}


def targets_in(folder: Path) -> list[Target]:
    """Kept answers, schemas, URLs, and the facts of answers that pass."""
    responses = {one.name.split()[1]: one.seeds for one in chat.targets_of("openai-responses", folder)}
    passing = next(
        one.seeds for one in chat.targets_of("openai-chat", folder) if one.name.endswith(" answer")
    )
    asked = [
        [request[0], answer[0]]
        for request, answer in zip(responses["request"], responses["answer"], strict=False)
    ]
    return [
        Target("kept turns", asked, _go_on),
        Target("checked answers", [[json.dumps(one).encode()] for one in _CHECKED], _check),
        Target("data urls", [[json.dumps(one).encode()] for one in _URLS], _read_url),
        Target("passing answers", [*passing, [json.dumps(_CHAT).encode()]], _read_facts),
    ]


def _go_on(frames: Frames) -> None:
    """A request, what was answered, and the request again as the next turn, as the engine keeps and continues them."""
    if len(frames) < 2:
        raise BadRequest("there is no turn")
    body, answer = frames[0], frames[1]
    read_responses_request(body)
    dialect_of("openai-responses").decode_answer(answer)
    need_json(retold(answer, Said(kept=True, continues=None)), "retold")
    kept = [*items.input_items(body, "resp_1"), *items.output_items(answer)]
    named = items.referred(body)
    beside = [
        json.dumps({"type": "message", "role": "user", "id": name, "content": "x"}).encode() for name in named
    ]
    again = items.continued(body, kept, beside)
    need_json(again, "continued")
    need_json(items.item_list(kept, after=None, limit=5, order="desc"), "a list")
    read_responses_request(again).decoded()


def _check(frames: Frames) -> None:
    try:
        said = msgspec.json.decode(b"".join(frames))
    except (ValueError, RecursionError):
        raise BadRequest("it is no JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        raise BadRequest("there is no text")
    schema = said.get("schema")
    problem = check(said["text"], None if schema is None else msgspec.json.encode(schema))
    cleaned(said["text"]).encode()
    (problem or "").encode()


def _read_url(frames: Frames) -> None:
    try:
        url = msgspec.json.decode(b"".join(frames), type=str)
    except (ValueError, RecursionError):
        raise BadRequest("it is no text") from None
    if url[:5].lower() == "data:":
        read_data_url(url, 100_000)


def _read_facts(frames: Frames) -> None:
    read_chat_answer(b"".join(frames))
