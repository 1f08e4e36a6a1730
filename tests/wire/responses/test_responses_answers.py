"""Answers of this dialect: read, and written for its clients, whoever answered."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given as holds_for
from hypothesis import settings
from hypothesis import strategies as st
from openai.types.responses import Response
from spoken_responses import SUFFIX, addressee, answer_of, given, read, sent

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.losses import Losses
from freehold.core.parts import (
    Citation,
    Foreign,
    Media,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire import sealing
from freehold.wire.dialect import NotAnAnswer, WireError
from freehold.wire.responses.dialect import DIALECT


def body(**fields: Any) -> bytes:
    return json.dumps(
        {"id": "resp_1", "object": "response", "model": "m-1", "status": "completed", "output": [], **fields}
    ).encode()


def said(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": list(parts), **fields}


def test_an_answer_is_read() -> None:
    logprob = {"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": []}
    answer = DIALECT.decode_answer(
        body(
            created_at=12.9,
            service_tier="flex",
            output=[
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
                said({"type": "output_text", "text": "hi", "annotations": [], "logprobs": [logprob]}),
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{"},
                {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            ],
            usage={"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}},
            temperature=1.0,
            novelty=1,
        )
    )
    (choice,) = answer.choices
    reasoning, text, call, search = choice.parts
    # Encrypted reasoning with nothing to see is normal, and where it is from is known to who asked.
    assert reasoning == Reasoning(state=State(data="gAAA", kind="encrypted"), item_id="rs_1")
    assert text == Text(text="hi", item_id="msg_1")
    assert call == ToolCall(id="call_1", name="f", arguments="{", item_id="fc_1")
    assert isinstance(search, Foreign)
    assert choice.stop == Stop(reason="tool_calls", raw="completed")
    assert json.loads(choice.logprobs or b"") == {"content": [logprob]}
    assert answer.usage == Usage(3, 2, 1, source="provider")
    assert (answer.created, answer.service_tier, set(answer.extra)) == (12, "flex", {"novelty"})


@pytest.mark.parametrize(
    ("status", "reason", "stop"),
    [
        ("incomplete", "max_output_tokens", Stop(reason="length", raw="max_output_tokens")),
        ("incomplete", "content_filter", Stop(reason="content_filter", raw="content_filter")),
        ("incomplete", "steered", Stop(reason="other", raw="steered")),
        ("failed", None, Stop(reason="error", raw="failed")),
        ("queued", None, Stop(reason="other", raw="queued")),
        ("completed", None, Stop(reason="stop", raw="completed")),
    ],
)
def test_why_an_answer_stopped(status: str, reason: str | None, stop: Stop) -> None:
    details = None if reason is None else {"reason": reason}
    answer = DIALECT.decode_answer(body(status=status, incomplete_details=details))
    assert answer.choices[0].stop == stop


@pytest.mark.parametrize(
    ("reason", "status", "details", "losses"),
    [
        ("stop", "completed", None, ()),
        ("tool_calls", "completed", None, ()),
        ("length", "incomplete", "max_output_tokens", ()),
        ("content_filter", "incomplete", "content_filter", ()),
        ("stop_sequence", "completed", None, ("stop.reason",)),
        ("context", "incomplete", "max_output_tokens", ("stop.reason",)),
        ("pause", "incomplete", "max_output_tokens", ("stop.reason",)),
        ("refusal", "incomplete", "content_filter", ("stop.reason",)),
        ("malformed_tool_call", "failed", None, ("stop.reason",)),
        ("error", "failed", None, ()),
        ("other", "completed", None, ("stop.reason",)),
    ],
)
def test_what_a_client_is_told_of_it(
    reason: str, status: str, details: str | None, losses: tuple[str, ...]
) -> None:
    response, lost = given(answer_of(Text(text="hi"), stop=reason))
    assert response["status"] == status
    assert response["incomplete_details"] == (None if details is None else {"reason": details})
    assert (response["error"] is not None) == (status == "failed")
    assert response["output"][0]["status"] == ("completed" if status == "completed" else "incomplete")
    assert lost == losses


def test_a_refusal_in_words_is_a_complete_answer() -> None:
    response, losses = given(answer_of(Refusal(text="no"), stop="refusal"))
    assert response["status"] == "completed"
    assert response["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert losses == ()


def test_the_request_is_echoed() -> None:
    fields: dict[str, Any] = {
        "instructions": "be kind",
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "temperature": 0.5,
        "top_p": 0.5,
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "truncation": "auto",
        "store": False,
        "previous_response_id": "resp_0",
        "user": "u",
        "background": True,
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "max_tool_calls": 3,
        "top_logprobs": 2,
    }
    response, losses = given(answer_of(Text(text="hi")), read(**fields))
    assert {name: response[name] for name in fields} == fields
    assert losses == ()
    Response.model_validate(response)


def test_what_was_not_asked_has_its_default() -> None:
    response, _ = given(answer_of(Text(text="hi")))
    expected = {
        "id": f"resp_{SUFFIX}",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "m-1",
        "instructions": None,
        "tools": [],
        "tool_choice": "auto",
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "reasoning": {"effort": None, "summary": None},
        "temperature": 1.0,
        "top_p": 1.0,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "truncation": "disabled",
        "store": True,
        "previous_response_id": None,
        "user": None,
        "background": False,
        "error": None,
    }
    assert {name: response[name] for name in expected} == expected
    assert Response.model_validate(response).output_text == "hi"


def test_usage_of_a_client_is_whole() -> None:
    response, losses = given(answer_of(Text(text="hi")))
    assert response["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }
    assert losses == ()
    audio = Usage(1, 1, input_audio_tokens=1, source="provider")
    lost = Losses()
    DIALECT.encode_answer(Answer(usage=audio, raw_usage=b"{}"), addressee(), lost)
    assert lost.names == ("usage.input_audio_tokens",)


def test_neighbouring_texts_are_one_message_unless_they_say_otherwise() -> None:
    phase = {"message.phase": b'"commentary"'}
    response, _ = given(
        answer_of(
            Text(text="a"),
            Text(text="b"),
            Text(text="c", item_id="msg_c", extra=_raw(phase)),
            Text(text="d", item_id="msg_c"),
            Text(text="e", item_id="msg_e"),
        )
    )
    ids = [item["id"] for item in response["output"]]
    assert ids == [f"msg_{SUFFIX}_0", "msg_c", "msg_e"]
    assert [len(item["content"]) for item in response["output"]] == [2, 2, 1]
    assert response["output"][1]["phase"] == "commentary"


def _raw(fields: dict[str, bytes]) -> Any:
    return {name: msgspec.Raw(value) for name, value in fields.items()}


def test_ids_are_never_given_twice() -> None:
    calls = [ToolCall(id=f"call_{number}", name="f", item_id="fc_1") for number in range(3)]
    response, _ = given(answer_of(*calls))
    assert len({item["id"] for item in response["output"]}) == 3


def test_empty_arguments_are_none_and_broken_ones_stay() -> None:
    response, _ = given(answer_of(ToolCall(id="a", name="f"), ToolCall(id="b", name="f", arguments="{oops")))
    assert [item["arguments"] for item in response["output"]] == ["{}", "{oops"]


def test_state_is_sealed_and_finds_back() -> None:
    state = State(data="sig", kind="signature", origin="claude")
    response, losses = given(answer_of(Reasoning(state=state), Text(text="hi")))
    assert losses == ()
    item = response["output"][0]
    assert item["encrypted_content"] == sealing.seal(state)
    (message,) = read(input=response["output"]).messages
    assert message.parts[0] == Reasoning(state=state, item_id=item["id"])


def test_state_on_texts_and_calls_comes_back_to_them() -> None:
    first = State(data="one", kind="signature", origin="gemini")
    second = State(data="two", kind="signature", origin="gemini")
    parts: list[Part] = [
        Text(text="hm", state=first),
        ToolCall(id="c", name="f", arguments="{}", state=second),
    ]
    response, losses = given(answer_of(*parts))
    assert losses == ()
    assert [item["type"] for item in response["output"]] == [
        "message",
        "reasoning",
        "function_call",
        "reasoning",
    ]
    Response.model_validate(response)
    request = read(
        input=[*response["output"], {"type": "function_call_output", "call_id": "c", "output": "1"}]
    )
    assert [m.role for m in request.messages] == ["assistant", "tool"]
    assert [(type(p), p.state) for p in request.messages[0].parts if isinstance(p, Text | ToolCall)] == [
        (Text, first),
        (ToolCall, second),
    ]
    assert sent(request)[1] == ("reasoning.state",)


def test_log_probabilities_find_their_texts() -> None:
    entries: list[dict[str, Any]] = [
        {"token": token, "logprob": 0.0, "bytes": [], "top_logprobs": []} for token in ("a", "b", "cd")
    ]
    answer = answer_of(Text(text="ab"), ToolCall(id="c", name="f"), Text(text="cd"))
    answer.choices[0].logprobs = json.dumps({"content": entries}).encode()
    response, losses = given(answer)
    assert losses == ()
    assert response["output"][0]["content"][0]["logprobs"] == entries[:2]
    assert response["output"][2]["content"][0]["logprobs"] == entries[2:]


def test_what_has_no_place_is_lost_aloud() -> None:
    answer = answer_of(
        Text(
            text="a",
            citations=[Citation(document=0), Citation(url="u", quote="q")],
            extra=_raw({"odd": b"1"}),
        ),
        Media(kind="audio", data="AA"),
        Foreign(dialect="gemini", kind="executableCode", raw=b"{}"),
        fingerprint="fp",
        dialect="gemini",
        extra=_raw({"avgLogprobs": b"1"}),
    )
    answer.choices.append(Choice(parts=[Text(text="b")]))
    _, losses = given(answer)
    assert set(losses) == {
        "answer.odd",
        "citations",
        "answer.citation.quote",
        "audio",
        "part.executableCode",
        "answer.avgLogprobs",
        "n",
    }


def test_a_picture_is_what_the_tool_for_pictures_gives() -> None:
    response, losses = given(answer_of(Media(kind="image", data="iVBO", mime_type="image/png")))
    assert losses == ()
    assert response["output"][0]["result"] == "iVBO"
    Response.model_validate(response)


def test_fields_of_this_dialect_come_through_it() -> None:
    answer = DIALECT.decode_answer(
        body(novelty=1, status="failed", error={"code": "server_error", "message": "x"})
    )
    response, losses = given(answer)
    assert (response["novelty"], response["error"]["message"], losses) == (1, "x", ())


def test_errors_keep_what_was_said() -> None:
    error = DIALECT.decode_error(
        429, b'{"error":{"message":"slow","type":"tokens","param":null,"code":"rate"}}'
    )
    assert error == WireError(status=429, message="slow", kind="tokens", code="rate")
    assert json.loads(DIALECT.encode_error(error))["error"] == {
        "message": "slow",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate",
    }
    for raw in (b"<html>bad gateway</html>", b"", b'{"error":"no"}', b'{"detail":"no"}', b"[1]", b"\xff"):
        assert DIALECT.decode_error(502, raw).message


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"object":"response"}', b'{"output":[{}]}', b'{"output":3}']
)
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        DIALECT.decode_answer(raw)


def test_absent_usage_is_unknown() -> None:
    for raw in (None, b"null", b"{}", b'{"input_tokens":-1}', b"oops"):
        assert DIALECT.decode_usage(raw) is NO_USAGE
    assert DIALECT.decode_usage(b'{"input_tokens":0,"output_tokens":0}') == Usage(0, 0, source="provider")


_names = st.text("abcdef", min_size=1, max_size=6)
_citation = st.builds(
    Citation, kind=st.just("url"), url=_names, title=_names, start=st.integers(0, 9), end=st.integers(0, 9)
)
_part = st.one_of(
    st.builds(Text, text=st.text(max_size=20), citations=st.lists(_citation, max_size=2)),
    st.builds(Refusal, text=st.text(max_size=10)),
    st.builds(
        ToolCall, id=_names, name=_names, arguments=st.text(min_size=1, max_size=10), custom=st.booleans()
    ),
    st.builds(
        Reasoning,
        text=st.text(max_size=10),
        summary=st.lists(st.text(max_size=10), max_size=3),
        state=st.none() | st.builds(State, data=_names, kind=st.just("encrypted")),
    ),
)


@settings(max_examples=100, deadline=None)
@holds_for(st.lists(_part, max_size=6), st.sampled_from(["stop", "length", "content_filter"]))
def test_answers_survive_the_way_through_the_wire(parts: list[Any], stop: str) -> None:
    response, losses = given(answer_of(*parts, stop=stop))
    assert losses == ()
    Response.model_validate(response)
    again = DIALECT.decode_answer(json.dumps(response).encode())
    assert (again.usage.input_tokens, again.usage.reasoning_tokens) == (10, 2)
    reread = again.choices[0].parts
    assert len(reread) == len(parts)
    for part, other in zip(parts, reread, strict=True):
        assert not isinstance(other, Media | Foreign | ToolResult)
        other.item_id = None
        if isinstance(part, Reasoning):
            part.summary = list(part.summary)
        assert part == other


@settings(max_examples=100, deadline=None)
@holds_for(
    st.binary(max_size=50)
    | st.dictionaries(
        st.sampled_from(["output", "status", "usage", "id", "created_at", "incomplete_details", "error"]),
        st.recursive(
            st.none() | st.floats() | st.integers() | st.text(max_size=4),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["type", "content", "text", "summary", "annotations"]),
                    inner | st.sampled_from(["message", "reasoning", "output_text", "function_call"]),
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
        max_size=4,
    ).map(lambda fields: json.dumps(fields).encode())
)
def test_no_bytes_do_worse_than_not_being_an_answer(raw: bytes) -> None:
    try:
        answer = DIALECT.decode_answer(raw)
    except NotAnAnswer:
        return
    given(answer)
