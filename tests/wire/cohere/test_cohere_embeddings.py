"""Embeddings of Cohere for requests in OpenAI's form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.wire.cohere.embeddings import MOST_TEXTS, decode_answer, encode_requests, joined
from freehold.wire.dialect import NotAnAnswer


def _sent(**body: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    losses = Losses()
    bodies = encode_requests(msgspec.json.encode(body), "embed-v4.0", losses)
    return [msgspec.json.decode(one) for one in bodies], losses.names


def test_one_text_and_many() -> None:
    assert _sent(model="x", input="a", encoding_format="base64") == (
        [
            {
                "model": "embed-v4.0",
                "input_type": "search_document",
                "embedding_types": ["float"],
                "texts": ["a"],
            }
        ],
        (),
    )
    bodies, _ = _sent(input=[str(number) for number in range(MOST_TEXTS + 1)], dimensions=256)
    assert [len(body["texts"]) for body in bodies] == [MOST_TEXTS, 1]
    assert all(body["output_dimension"] == 256 for body in bodies)


def test_coheres_own_fields_go_along_and_others_are_declared() -> None:
    bodies, lost = _sent(input=["a"], input_type="search_query", truncate="END", user="u", other=1)
    assert (bodies[0]["input_type"], bodies[0]["truncate"]) == ("search_query", "END")
    assert lost == ("user", "field.other")


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"input":[1,2]}', b'{"input":[]}', b'{"input":"a","input_type":"x"}']
)
def test_what_cannot_be_sent_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        encode_requests(body, "m", Losses())


def test_vectors_and_usage() -> None:
    raw = b'{"id":"1","embeddings":{"float":[[0.5,1],[2,3]]},"meta":{"billed_units":{"input_tokens":10}}}'
    embedded = decode_answer(raw)
    assert embedded.vectors == [[0.5, 1.0], [2.0, 3.0]]
    assert embedded.usage.input_tokens == 10
    both = joined([embedded, embedded])
    assert len(both.vectors) == 4
    assert both.usage.input_tokens == 20


@settings(max_examples=100)
@given(st.binary(max_size=30))
def test_arbitrary_bytes_are_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        decode_answer(body)
