"""What a client is told of an answer that is kept in its provider's place."""

from __future__ import annotations

import json

import pytest

from freehold.wire.responses.kept_answer import Said, retold, retold_event

RESPONSE = b'{"id":"resp_1","store":false,"previous_response_id":null,"x":[1.50, 2]}'


def test_it_is_kept_and_goes_on_from_another() -> None:
    told = retold(RESPONSE, Said(kept=True, continues="resp_0"))
    assert json.loads(told) == {
        "id": "resp_1",
        "store": True,
        "previous_response_id": "resp_0",
        "x": [1.5, 2],
    }
    assert b"[1.50, 2]" in told, "what is not ours stays as it was"


def test_it_goes_on_from_another_without_being_kept() -> None:
    told = json.loads(retold(RESPONSE, Said(kept=False, continues="resp_0")))
    assert (told["store"], told["previous_response_id"]) == (False, "resp_0")


def test_events_with_a_response_are_told_alike() -> None:
    frame = b'event: response.created\ndata: {"type":"response.created","response":%b}' % RESPONSE
    told = retold_event(frame, Said(kept=True, continues=None))
    head, data = told.split(b"\ndata: ")
    assert head == b"event: response.created"
    assert json.loads(data)["response"]["store"] is True
    assert json.loads(data)["type"] == "response.created"


@pytest.mark.parametrize(
    "frame",
    [
        b": ping",
        b'data: {"type":"response.output_text.delta","delta":"\\"response\\""}',
        b'data: {"response":null}',
        b'data: {"response":',
        b'data: {"response":\ndata: {}}',
    ],
)
def test_other_events_stay_as_they_are(frame: bytes) -> None:
    assert retold_event(frame, Said(kept=True, continues="resp_0")) == frame
