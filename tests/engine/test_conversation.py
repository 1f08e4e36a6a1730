"""Which conversation a request belongs to, and where in it it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.engine.conversation import Conversation, conversation_of
from freehold.engine.conversation_history import is_unique
from freehold.engine.steered.answers import calls_in
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)

Message = dict[str, Any]
ID = "call_8sAbx92Lq0"


def seen(request: Request, *, key: str | None = "key_1", heading: str | None = None) -> Conversation:
    return conversation_of(request, key_id=key, route="r", heading=heading, reads=20)


def chat(
    *messages: Message, key: str | None = "key_1", heading: str | None = None, **fields: Any
) -> Conversation:
    body = {"model": "r", "messages": messages, **fields}
    return seen(read_chat_request(json.dumps(body).encode()), key=key, heading=heading)


def messages_of(*messages: Message, **fields: Any) -> Conversation:
    body = {"model": "r", "max_tokens": 5, "messages": messages, **fields}
    return seen(read_messages_request(json.dumps(body).encode()))


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def says(text: str) -> Message:
    return {"role": "assistant", "content": text}


def calls(name: str = "look", call_id: str = ID) -> Message:
    function = {"name": name, "arguments": "{}"}
    return {"role": "assistant", "tool_calls": [{"id": call_id, "type": "function", "function": function}]}


def result(call_id: str = ID, text: str = "seen") -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def system(text: str) -> Message:
    return {"role": "system", "content": text}


# Loops


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        ([user("a")], 0),
        ([user("a"), says("b"), user("c")], 0),
        ([user("a"), calls(), result()], 1),
        ([user("a"), calls(), result(), calls(), result()], 2),
        ([user("a"), calls(), result(), says("b"), user("c")], 0),
        ([user("a"), calls(), result(), says("b"), user("c"), calls(), result()], 1),
        ([user("a"), calls(), result(), system("Be kind."), user("Hurry.")], 1),
        ([user("a"), calls(), user("Never mind.")], 1),
        ([user("a"), calls()], 1),
        ([user("a"), calls(), result(), says("So")], 2),
        ([user("a"), says("So")], 0),
        ([result()], 0),
    ],
)
def test_how_much_of_a_conversation_is_a_loop_under_way(messages: list[Message], count: int) -> None:
    assert chat(*messages).in_loop == count


def test_words_beside_the_results_of_tools_end_no_loop() -> None:
    """As coding agents add reminders of their own."""
    call = {"type": "tool_use", "id": "toolu_0123456789", "name": "look", "input": {}}
    beside = {"type": "text", "text": "Remember the list of things to do."}
    back = {"type": "tool_result", "tool_use_id": "toolu_0123456789", "content": "seen"}
    found = messages_of(
        user("a"), {"role": "assistant", "content": [call]}, {"role": "user", "content": [back, beside]}
    )
    assert found.in_loop == 1
    assert found.answers[0].calls == ("toolu_0123456789",)


# What answers are recognised by


def test_the_next_request_knows_what_stood_before_its_answer() -> None:
    first = chat(system("Be kind."), user("Look."))
    second = chat(system("Be kind."), user("Look."), calls(), result())
    third = chat(system("Be kind."), user("Look."), calls(), result(), says("b"), user("c"))
    assert [one.before for one in second.answers] == [first.before]
    assert [one.before for one in third.answers] == [second.before, first.before]
    assert second.answers[0].calls == (ID,)


def test_an_answer_that_the_client_began_is_recognised() -> None:
    asked = chat(user("Look."), says("I see"))
    later = chat(user("Look."), says("I see a tree."), user("And?"))
    assert later.answers[0].before == asked.before


def test_marks_of_the_cache_may_move_and_words_be_split() -> None:
    marked = {"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}
    answer = {"role": "assistant", "content": [{"type": "text", "text": "A tree."}]}
    asked = messages_of({"role": "user", "content": [marked]})
    later = messages_of(user("Look."), answer, {"role": "user", "content": [{**marked, "text": "And?"}]})
    assert later.answers[0].before == asked.before
    assert later.sticky == asked.sticky


def test_what_the_system_says_may_change_with_the_hour() -> None:
    asked = chat(system("It is 3 o'clock."), user("Look."))
    later = chat(system("It is 4 o'clock."), user("Look."), calls(), result())
    assert later.answers[0].before == asked.before


def test_results_of_tools_may_be_cleared_later() -> None:
    asked = chat(user("Look."), calls(), result(text="a very long page"))
    later = chat(user("Look."), calls(), result(text="(cleared)"), says("A page."), user("And?"))
    assert later.answers[0].before == asked.before


@pytest.mark.parametrize("other", [{"key": "key_2"}, {"key": None}])
def test_conversations_of_others_are_others(other: dict[str, Any]) -> None:
    assert chat(user("Look.")).before != chat(user("Look."), **other).before
    assert chat(user("Look.")).sticky != chat(user("Look."), **other).sticky


@pytest.mark.parametrize(
    ("call_id", "unique"),
    [
        ("call_8sAbx92Lq0", True),
        ("toolu_01A09q90qw90lq917835lq9", True),
        ("chatcmpl-tool-6f2b", True),
        ("call_1", False),
        ("functions.look:0", False),
        ("call_gm0123456789abcdef0123", False),
        ("call_12345678901", True),
        ("a" * 9, True),
        ("", False),
    ],
)
def test_which_ids_belong_to_one_call_alone(call_id: str, unique: bool) -> None:
    assert is_unique(call_id) is unique


def test_calls_without_ids_are_recognised_by_what_they_are() -> None:
    call = {"functionCall": {"name": "look", "args": {"a": 1, "b": [2]}}}
    same = {"functionCall": {"name": "look", "args": {"b": [2], "a": 1}}}
    begun = [{"role": "user", "parts": [{"text": "Look."}]}]

    def gemini(*contents: Any) -> Conversation:
        return seen(read_gemini_request(json.dumps({"contents": contents}).encode(), "r", stream=False))

    asked = gemini(*begun)
    answer = json.dumps({"candidates": [{"content": {"role": "model", "parts": [call]}}]}).encode()
    marks = calls_in(answer, "gemini", asked.before)
    back = {"functionResponse": {"name": "look", "response": {}}}
    later = gemini(*begun, {"role": "model", "parts": [same]}, {"role": "user", "parts": [back]})
    assert list(later.answers[0].calls) == marks
    assert later.in_loop == 1
    streamed = b"data: " + answer + b"\n\n"
    assert calls_in(streamed, "gemini", asked.before) == marks


def test_the_calls_in_an_answer_are_found_in_any_dialect() -> None:
    whole = json.dumps({"id": "chatcmpl-1", "choices": [{"message": calls()}]}).encode()
    assert ID in calls_in(whole, "openai-chat", b"")
    chunk = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_8sAbx92Lq0"}]}}]}\n\n'
    assert calls_in(chunk, "openai-chat", b"") == [ID]
    item = b'{"output":[{"type":"function_call","id":"fc_1","call_id":"call_8sAbx92Lq0"}]}'
    assert calls_in(item, "openai-responses", b"") == [ID]
    assert calls_in(b'{"content":[{"type":"text","text":"no calls"}]}', "anthropic-messages", b"") == []
    assert calls_in(None, "openai-chat", b"") == []


# Names


def test_the_header_comes_before_all_other_names() -> None:
    named = chat(user("a"), heading="mine", metadata={"session_id": "other"})
    assert named.told_by == "conversation"
    assert named.sticky == chat(user("something else"), heading="mine").sticky
    assert named.sticky != chat(user("a"), heading="yours").sticky


@pytest.mark.parametrize(
    "request_fields",
    [
        {"metadata": {"conversation_id": "one"}},
        {"metadata": {"session_id": "one"}},
        {"metadata": {"thread_id": "one"}},
    ],
)
def test_metadata_may_name_a_conversation(request_fields: dict[str, Any]) -> None:
    one, other = chat(user("a"), **request_fields), chat(user("b"), **request_fields)
    assert one.told_by == "conversation"
    assert one.sticky == other.sticky


@pytest.mark.parametrize(
    "name",
    [
        "user_1_account__session_0b1f2c3d-0b1f-2c3d-4e5f-0b1f2c3d4e5f",
        '{"device_id": "d", "session_id": "0b1f2c3d"}',
    ],
)
def test_a_session_may_be_in_the_name_of_the_user(name: str) -> None:
    one = messages_of(user("a"), metadata={"user_id": name})
    assert one.told_by == "conversation"
    assert one.sticky == messages_of(user("b"), metadata={"user_id": name}).sticky


def test_who_names_a_cache_may_mean_many_conversations() -> None:
    body: dict[str, Any] = {"model": "r", "prompt_cache_key": "the app"}

    def responses(text: str, instructions: str) -> Conversation:
        asked = {**body, "input": text, "instructions": instructions}
        return seen(read_responses_request(json.dumps(asked).encode()))

    assert responses("a", "3 o'clock").sticky == responses("a", "4 o'clock").sticky
    assert responses("a", "3 o'clock").sticky != responses("b", "3 o'clock").sticky


def test_without_words_of_a_user_it_is_the_user_and_then_the_key() -> None:
    assert chat(system("a"), user="anna").told_by == "user"
    assert chat(system("a")).told_by == "key"
    assert chat(system("a")).sticky == chat(system("b")).sticky


def test_the_prompt_is_what_the_user_asked_last_as_far_as_it_is_read() -> None:
    assert chat(user("first"), says("b"), user("x" * 100)).prompt == "x" * 20


def test_what_names_a_provider_s_own_is_state() -> None:
    assert not chat(user("a")).holds_state
    body = {"contents": [{"role": "user", "parts": [{"text": "a"}]}], "cachedContent": "cachedContents/1"}
    assert seen(read_gemini_request(json.dumps(body).encode(), "r", stream=False)).holds_state


def test_a_request_that_nobody_understands_is_told() -> None:
    with pytest.raises(BadRequest):
        chat({"role": "user", "content": 5})


# Anything


turns = st.lists(st.sampled_from(["user", "says", "calls", "result", "system"]), min_size=1, max_size=14)


@given(turns, st.text(max_size=5))
def test_every_beginning_of_a_conversation_is_recognised_in_what_it_becomes(
    kinds: list[str], text: str
) -> None:
    made = {
        "user": lambda number: user(f"{text}{number}"),
        "says": lambda number: says(f"{text} said {number}"),
        "calls": lambda number: calls(call_id=f"{ID}{number}"),
        "result": lambda number: result(f"{ID}{number}"),
        "system": lambda number: system(f"{text} system {number}"),
    }
    messages = [made[kind](number) for number, kind in enumerate(kinds)]
    whole = chat(*messages)
    before = {one.before for one in whole.answers}
    for place in range(1, len(messages)):
        speaking = messages[place]["role"] == "assistant"
        earlier = [one for one in messages[:place] if one["role"] != "system"]
        begins = not earlier or earlier[-1]["role"] != "assistant"
        if speaking and begins and messages[:place]:
            assert chat(*messages[:place]).before in before
    assert whole.in_loop <= len(whole.answers)
