"""Turns of the model that come back chunk by chunk, as Google's SDK keeps them."""

from __future__ import annotations

import json
from typing import Any

from freehold.core.parts import Part, Reasoning, State, Text, ToolCall
from freehold.wire.gemini.dialect import DIALECT
from freehold.wire.sealing import seal

STATE = State(data="sig", kind="signature", origin="elsewhere")


def sealed(state: State = STATE) -> str:
    return seal(state)


def model(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts), **more}


def turns(*contents: dict[str, Any]) -> list[list[Part]]:
    user = {"role": "user", "parts": [{"text": "hi"}]}
    body = json.dumps({"model": "m", "contents": [user, *contents]}).encode()
    return [message.parts for message in DIALECT.decode_request(body).messages[1:]]


def test_words_of_a_stream_are_one_text_again() -> None:
    assert turns(model({"text": "It"}), model({"text": " is"}), model({"text": ""})) == [[Text(text="It is")]]


def test_thoughts_are_whole_again_with_the_signature_at_their_end() -> None:
    chunks = (
        model({"text": "Two", "thought": True}),
        model({"text": " cities", "thought": True}),
        model({"text": "", "thought": True, "thoughtSignature": sealed()}),
        model({"text": "Yes"}),
    )
    whole = [Reasoning(text="Two cities", state=STATE), Text(text="Yes")]
    assert turns(*chunks) == [whole]
    assert turns(model(*(part for chunk in chunks for part in chunk["parts"]))) == [whole]


def test_each_signed_thought_stays_by_itself() -> None:
    parts = [
        {"text": "one", "thought": True, "thoughtSignature": sealed()},
        {"text": "two", "thought": True, "thoughtSignature": sealed()},
        {"text": "", "thought": True, "thoughtSignature": sealed(State("r", "redacted", "elsewhere"))},
    ]
    (found,) = turns(model(*parts))
    assert [(part.text, part.state and part.state.kind) for part in found if isinstance(part, Reasoning)] == [
        ("one", "signature"),
        ("two", "signature"),
        ("", "redacted"),
    ]
    unsigned = {"text": "zero", "thought": True}
    (found,) = turns(model(unsigned, parts[2]))
    assert len(found) == 2, "what is redacted is no signature of what is not"
    (found,) = turns(model(unsigned, {"text": "", "thought": True, "thoughtSignature": "b3du"}))
    assert len(found) == 2, "where Gemini puts its own it means them to be"


def test_calls_in_chunks_of_their_own_are_parallel() -> None:
    call = {"functionCall": {"name": "look", "args": {}}}
    (found,) = turns(model(call), model(call), model({"text": ""}))
    assert [type(part) for part in found] == [ToolCall, ToolCall]


def test_parts_that_a_client_wrote_apart_stay_apart() -> None:
    assert turns(model({"text": "a"}, {"text": "b"})) == [[Text(text="a"), Text(text="b")]]
    assert turns(model({"text": ""})) == [[Text(text="")]]


def test_the_user_s_turns_are_not_joined() -> None:
    user = {"role": "user", "parts": [{"text": "a"}]}
    assert turns(user, user) == [[Text(text="a")], [Text(text="a")]]
