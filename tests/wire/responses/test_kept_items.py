"""What is kept of an answer so that the next turn can go on from it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given as holds_for
from hypothesis import settings
from hypothesis import strategies as st
from openai.types.responses.response_item_list import ResponseItemList
from spoken_responses import answer_of, given, passed

from freehold.core.errors import BadRequest
from freehold.core.parts import Reasoning, State, Text, ToolCall
from freehold.wire import sealing
from freehold.wire.responses.dialect import DIALECT
from freehold.wire.responses.items import continued, deleted, input_items, item_list, output_items, referred


def loaded(items: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(item) for item in items]


def test_input_is_kept_as_items_with_ids() -> None:
    body = json.dumps({"model": "m", "input": "hi"}).encode()
    assert loaded(input_items(body, "resp_7")) == [
        {
            "id": "msg_7_in0",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
            "status": "completed",
        }
    ]
    items = [
        {"role": "assistant", "content": "yes"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"id": "msg_1"},
    ]
    kept = loaded(input_items(json.dumps({"input": items}).encode(), "resp_7"))
    assert [item["id"] for item in kept] == ["msg_7_in0", "fco_7_in1", "msg_1"]
    assert kept[0]["content"] == [{"type": "output_text", "text": "yes", "annotations": []}]
    assert kept[2]["type"] == "item_reference"
    assert input_items(b'{"model":"m"}', "resp_7") == []


def test_a_turn_goes_on_from_what_is_kept() -> None:
    state = State(data="gAAA", kind="encrypted", origin="p")
    first = json.dumps({"model": "m", "input": "hi", "instructions": "be kind"}).encode()
    response, _ = given(answer_of(Reasoning(state=state), Text(text="yes"), ToolCall(id="c", name="f")))
    kept = input_items(first, response["id"]) + output_items(json.dumps(response).encode())
    second = {
        "model": "m",
        "previous_response_id": response["id"],
        "input": [
            {"type": "function_call_output", "call_id": "c", "output": "1"},
            {"type": "item_reference", "id": response["output"][1]["id"]},
        ],
    }
    body = json.loads(continued(json.dumps(second).encode(), kept))
    assert "previous_response_id" not in body
    assert "instructions" not in body  # those of earlier turns are not carried over
    kinds = [item["type"] for item in body["input"]]
    assert kinds == ["message", "reasoning", "message", "function_call", "function_call_output", "message"]
    assert body["input"][1]["encrypted_content"] == sealing.seal(state)
    asked = passed(input=body["input"])
    assert asked["input"][1]["encrypted_content"] == "gAAA"
    assert asked["include"] == ["reasoning.encrypted_content"]


def test_a_string_goes_on_too() -> None:
    body = json.loads(continued(b'{"model":"m","input":"more"}', [b'{"id":"a","type":"compaction"}']))
    assert body["input"][1] == {"type": "message", "role": "user", "content": "more"}
    assert DIALECT.decode_request(json.dumps(body).encode()).messages[-1].role == "user"


def test_items_are_listed_in_pages() -> None:
    items = input_items(
        json.dumps({"input": [{"role": "user", "content": str(n)} for n in range(5)]}).encode(), "resp_7"
    )
    page = json.loads(item_list(items, limit=2))
    assert [item["id"] for item in page["data"]] == ["msg_7_in4", "msg_7_in3"]
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == (
        "list",
        "msg_7_in4",
        "msg_7_in3",
        True,
    )
    ResponseItemList.model_validate(page)
    rest = json.loads(item_list(items, after=page["last_id"], limit=9))
    assert ([item["id"] for item in rest["data"]], rest["has_more"]) == (
        ["msg_7_in2", "msg_7_in1", "msg_7_in0"],
        False,
    )
    assert json.loads(item_list([])) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@settings(max_examples=50, deadline=None)
@holds_for(st.integers(0, 12), st.integers(1, 5), st.sampled_from(["asc", "desc"]))
def test_pages_are_all_items_once(count: int, limit: int, order: Any) -> None:
    items = [json.dumps({"id": f"i{number}"}).encode() for number in range(count)]
    seen: list[str] = []
    after = None
    while True:
        page = json.loads(item_list(items, after=after, limit=limit, order=order))
        seen += [item["id"] for item in page["data"]]
        after = page["last_id"]
        if not page["has_more"]:
            break
    expected = [f"i{number}" for number in range(count)]
    assert seen == (expected if order == "asc" else expected[::-1])


def test_a_deleted_answer_is_said_to_be() -> None:
    assert json.loads(deleted("resp_7")) == {"id": "resp_7", "object": "response", "deleted": True}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"input":3}', b'{"input":[3]}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        input_items(body, "resp_7")
    with pytest.raises(BadRequest):
        continued(body, [])


def test_items_that_a_request_names() -> None:
    items = [{"role": "user", "content": "item_reference"}, {"type": "item_reference", "id": "rs_1"}]
    body = json.dumps({"input": items}).encode()
    assert referred(body) == ["rs_1"]
    assert referred(b'{"input":"item_reference"}') == []
    assert referred(b'{"input":[]}') == []
    with pytest.raises(BadRequest):
        referred(b'{"input":["item_reference"]}')
    known = [b'{"type":"reasoning","id":"rs_1"}', b'{"type":"reasoning","id":"rs_2"}']
    assert json.loads(continued(body, [], known))["input"] == [items[0], json.loads(known[0])]
