"""Lists of models: ours as written, others' as read."""

from __future__ import annotations

import json

import pytest

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.openai_models import ModelEntry, encode_model, encode_models, read_model_ids

ENTRIES = [ModelEntry("default", "freehold"), ModelEntry("acme/m", "acme", created=7)]


def test_a_list_is_written_as_openai_does() -> None:
    assert json.loads(encode_models(ENTRIES)) == {
        "object": "list",
        "data": [
            {"id": "default", "object": "model", "created": 0, "owned_by": "freehold"},
            {"id": "acme/m", "object": "model", "created": 7, "owned_by": "acme"},
        ],
    }
    assert json.loads(encode_model(ENTRIES[1])) == json.loads(encode_models(ENTRIES))["data"][1]


def test_what_is_written_can_be_read() -> None:
    assert read_model_ids(encode_models(ENTRIES)) == ["default", "acme/m"]


def test_a_list_without_an_envelope_is_read() -> None:
    assert read_model_ids(b'[{"id":"a","type":"chat"},{"id":"b"}]') == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b'{"data":{}}', b'{"data":[{}]}', b'{"data":[{"id":"\xff"}]}', b"[" * 100_000],
)
def test_what_is_not_a_list_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read_model_ids(body)
