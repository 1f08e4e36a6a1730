"""Requests of other dialects for a provider of this one: what is sent, and what is lost."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import (
    CacheMark,
    Citation,
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import ChatRequest, HostedTool, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire.anthropic.abilities import abilities_of
from freehold.wire.anthropic.count_tokens import encode_count_request
from freehold.wire.anthropic.dialect import DIALECT
from freehold.wire.dialect import Quirks, Recipient

OLD, BETWEEN, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-opus-4-8"
HI = Message(role="user", parts=[Text(text="Hi")])


def encode(
    *messages: Message,
    model: str = OLD,
    dialect: str = "openai-chat",
    quirks: Quirks | None = None,
    **fields: Any,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = ChatRequest(model="route", messages=list(messages or (HI,)), dialect=dialect, **fields)
    losses = Losses()
    recipient = Recipient(model=model, origin="anthropic", quirks=quirks or Quirks())
    body: dict[str, Any] = msgspec.json.decode(DIALECT.encode_request(request, recipient, losses))
    return body, losses.names


def user(*parts: Part) -> Message:
    return Message(role="user", parts=list(parts))


def assistant(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def words(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_the_least() -> None:
    body, lost = encode()
    expected = {"model": OLD, "max_tokens": 8192, "messages": [{"role": "user", "content": [words("Hi")]}]}
    assert body == expected
    assert lost == ()
    assert encode(quirks=Quirks(default_max_tokens=99))[0]["max_tokens"] == 99


def test_system_messages() -> None:
    first = Message(role="system", parts=[Text(text="One.", cache=CacheMark("5m"))])
    second = Message(role="developer", parts=[Text(text="Two.")])
    late = Message(role="system", parts=[Text(text="Three.")])
    body, lost = encode(first, second, HI, assistant(Text(text="Yes?")), late)
    marked = {**words("One."), "cache_control": {"type": "ephemeral", "ttl": "5m"}}
    assert body["system"] == [marked, words("Two.")]
    told = {"role": "user", "content": [words("<system>\nThree.\n</system>")]}
    assert body["messages"][-1] == told
    assert lost == ("system.position",)


def test_nothing_but_system_messages() -> None:
    body, lost = encode(Message(role="system", parts=[Text(text="Go.")]))
    assert body["messages"] == [{"role": "user", "content": [words("Go.")]}]
    assert "system" not in body
    assert lost == ("system.position",)
    with pytest.raises(BadRequest):
        DIALECT.encode_request(
            ChatRequest(model="m", messages=[]), Recipient(model="m", origin="o"), Losses()
        )


def test_turns_alternate_and_the_user_begins() -> None:
    body, lost = encode(assistant(Text(text="A")), assistant(Text(text="B")), HI, HI)
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [words("A"), words("B")]
    assert lost == ()


def test_empty_turns_are_not_dropped_in_silence() -> None:
    body, lost = encode(HI, assistant(Text(text="")), user(Text(text=" \n")), assistant(Text(text="End ")))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "assistant"]
    assert all(turn["content"][0]["text"].strip() for turn in body["messages"])
    assert body["messages"][-1]["content"] == [words("End")]
    assert lost == ("message.blank",)


def test_results_are_together_and_first() -> None:
    calls = [ToolCall(id="call 1", name="f", arguments='{"a": 1}'), ToolCall(id="b", name="g")]
    results: list[Part] = [
        ToolResult(call_id="call 1", content=[Text(text="x")], failed=True),
        ToolResult(call_id="b", content=[Media(kind="image", url="https://e.org/i.png")]),
    ]
    body, lost = encode(
        HI,
        assistant(Text(text="Let me see."), *calls),
        Message(role="tool", parts=results[:1]),
        user(Text(text="And?")),
        Message(role="tool", parts=results[1:]),
    )
    said, answered = body["messages"][1:]
    first, second = said["content"][1:]
    assert re.fullmatch("[a-zA-Z0-9_-]+", first["id"])
    assert (first["input"], second["input"], second["id"]) == ({"a": 1}, {}, "b")
    assert answered["content"] == [
        {"type": "tool_result", "tool_use_id": first["id"], "content": [words("x")], "is_error": True},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": [{"type": "image", "source": {"type": "url", "url": "https://e.org/i.png"}}],
        },
        words("And?"),
    ]
    assert lost == ()


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "nonsense", '"x"', "{} {}"])
def test_arguments_that_are_no_object_survive(arguments: str) -> None:
    body, lost = encode(HI, assistant(ToolCall(id="a", name="f", arguments=arguments)))
    assert body["messages"][1]["content"][0]["input"] == {"INVALID_JSON": arguments}
    assert lost == ("field.arguments",)


def test_media() -> None:
    jpeg = Media(kind="image", data="/9j/AAAA", detail="low")
    inline = Media(kind="image", url="data:image/png;base64,iVBORw0KGgo=")
    pdf = Media(kind="document", data="JVBERi0=", name="a.pdf")
    plain = Media(kind="document", data="aGk=", mime_type="text/plain")
    sound = Media(kind="audio", data="AAAA", transcript="spoken")
    kept = Media(kind="image", file_id="file-1")
    drawn = Media(kind="image", data="AAAA", mime_type="image/svg+xml")
    body, lost = encode(user(jpeg, inline, pdf, plain, sound, kept, drawn))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/AAAA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        words("spoken"),
    ]
    assert lost == ("image.detail", "audio", "file", "image")


def test_media_that_the_provider_does_not_take() -> None:
    body, lost = encode(
        user(Media(kind="image", url="https://e.org/a.png")), quirks=Quirks(input_media=("document",))
    )
    assert body["messages"][0]["content"][0]["type"] == "text"
    assert lost == ("image", "message.blank")


def test_only_signed_reasoning_goes_and_only_home() -> None:
    home, away = State("s", "signature", "anthropic"), State("t", "signature", "other")
    hidden = State("u", "redacted", "anthropic")
    parts: list[Part] = [
        Reasoning(text="", state=home),
        Reasoning(text="mine", state=home),
        Reasoning(state=hidden),
        Reasoning(text="theirs", state=away),
        Reasoning(text="unsigned"),
        Text(text="So."),
    ]
    body, lost = encode(HI, assistant(*parts))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "thinking", "thinking": "mine", "signature": "s"},
        {"type": "redacted_thinking", "data": "u"},
        words("So."),
    ]
    assert lost == ("reasoning.state", "reasoning")


def test_what_only_others_have_is_lost_by_name() -> None:
    foreign = Foreign(dialect="openai-responses", kind="web_search_call", raw=b"{}")
    own = Foreign(dialect="anthropic-messages", kind="server_tool_use", raw=b'{"type":"server_tool_use"}')
    cited = Text(text="It is.", citations=[Citation(kind="url", url="https://e.org")])
    body, lost = encode(
        HI,
        Message(role="assistant", parts=[foreign, own, cited, Refusal(text="No.")], name="bot"),
        tools=[HostedTool(dialect="gemini", kind="google_search", raw=b"{}")],
        extra={"new_field": msgspec.Raw(b"1")},
    )
    assert body["messages"][1]["content"] == [{"type": "server_tool_use"}, words("It is."), words("No.")]
    assert lost == (
        "message.name",
        "part.web_search_call",
        "citations",
        "tool.google_search",
        "field.new_field",
    )


FUNCTION = Tool(name="f", schema=b'{"type":"object","properties":{}}')


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="auto"), True, {"type": "auto"}),
        (ToolChoice(mode="none"), False, {"type": "none"}),
        (ToolChoice(mode="required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="named", names=("f",)), None, {"type": "tool", "name": "f"}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: bool | None, expected: object) -> None:
    body, lost = encode(tools=[FUNCTION], tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == expected
    assert lost == ()


def test_a_choice_among_some_tools() -> None:
    other = Tool(name="g", schema=b"{}")
    body, lost = encode(tools=[FUNCTION, other], tool_choice=ToolChoice(mode="required", names=("g",)))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tools"][0]["input_schema"] == {"type": "object"}
    assert body["tool_choice"] == {"type": "any"}
    assert lost == ()


def test_tools() -> None:
    free = Tool(name="g", custom=True)
    none = Tool(name="h")
    strict = Tool(
        name="i", schema=b'{"type":"object","properties":{"n":{"type":"integer","minimum":1}}}', strict=True
    )
    body, lost = encode(tools=[free, none, strict])
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["tools"][1]["input_schema"] == {"type": "object", "properties": {}}
    number = {"type": "integer", "description": "(minimum: 1)"}
    schema = {"type": "object", "properties": {"n": number}, "additionalProperties": False}
    assert body["tools"][2] == {"name": "i", "input_schema": schema, "strict": True}
    assert lost == ("tool.custom", "schema.minimum")


@pytest.mark.parametrize(
    ("model", "wish", "thinking", "effort", "lost"),
    [
        (OLD, ReasoningWish(effort="high"), ("enabled", 16384), None, ("reasoning.effort",)),
        (OLD, ReasoningWish(budget=5000), ("enabled", 5000), None, ()),
        (OLD, ReasoningWish(budget=10), ("enabled", 1024), None, ("reasoning.budget",)),
        (OLD, ReasoningWish(budget=0), ("disabled", None), None, ()),
        (OLD, ReasoningWish(effort="none"), ("disabled", None), None, ()),
        (BETWEEN, ReasoningWish(effort="xhigh"), ("adaptive", None), "high", ("reasoning.effort",)),
        (BETWEEN, ReasoningWish(budget=5000), ("enabled", 5000), None, ()),
        (NEW, ReasoningWish(effort="xhigh"), ("adaptive", None), "xhigh", ()),
        (NEW, ReasoningWish(effort="minimal"), ("adaptive", None), "low", ("reasoning.effort",)),
        (NEW, ReasoningWish(budget=5000), ("adaptive", None), "medium", ("reasoning.budget",)),
        (NEW, ReasoningWish(budget=-1), ("adaptive", None), None, ()),
        ("claude-3-5-haiku-latest", ReasoningWish(effort="low"), None, None, ("reasoning.effort",)),
        ("MiniMax-M2", ReasoningWish(effort="low"), ("enabled", 2048), None, ("reasoning.effort",)),
    ],
)
def test_reasoning(
    model: str, wish: ReasoningWish, thinking: object, effort: str | None, lost: tuple[str, ...]
) -> None:
    body, found = encode(model=model, reasoning=wish)
    sent = body.get("thinking")
    assert (sent and (sent["type"], sent.get("budget_tokens"))) == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert found == lost
    if sent and sent["type"] == "enabled":
        assert body["max_tokens"] == 8192 + sent["budget_tokens"]


def test_the_bound_makes_room_for_reasoning() -> None:
    body, lost = encode(reasoning=ReasoningWish(budget=2000), max_tokens=1000)
    assert body["max_tokens"] == 3000
    assert lost == ("max_tokens",)


def test_a_client_of_this_dialect_may_change_models() -> None:
    wish = ReasoningWish(mode="enabled", budget=2000)
    body, lost = encode(
        model=NEW, dialect="anthropic-messages", reasoning=wish, temperature=0.5, max_tokens=4000
    )
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {"effort": "low"}
    assert "temperature" not in body
    assert lost == ("reasoning.budget", "temperature")


def test_a_forced_call_goes_before_reasoning() -> None:
    body, lost = encode(
        tools=[FUNCTION], tool_choice=ToolChoice(mode="required"), reasoning=ReasoningWish(effort="low")
    )
    assert "thinking" not in body
    assert body["tool_choice"] == {"type": "any"}
    assert lost == ("reasoning.effort",)


def test_reasoning_is_off_where_calls_under_way_have_none_before_them() -> None:
    call, result = ToolCall(id="a", name="f"), ToolResult(call_id="a", content=[Text(text="1")])
    signed = Reasoning(text="Hm.", state=State("s", "signature", "anthropic"))
    wish = ReasoningWish(budget=2000)
    answered = Message(role="tool", parts=[result])
    body, lost = encode(
        HI, assistant(Reasoning(text="Hm."), call), answered, reasoning=wish, tools=[FUNCTION]
    )
    assert "thinking" not in body
    assert lost == ("reasoning", "reasoning.effort")
    alias, lost = encode(HI, assistant(call), answered, reasoning=wish, tools=[FUNCTION], model="our-best")
    assert "thinking" not in alias
    assert lost == ("reasoning.effort",)
    for talk, model in (
        ([HI, assistant(signed, call), answered], OLD),
        ([HI, assistant(call), answered, assistant(Text(text="Done.")), HI], OLD),
        ([HI, assistant(call), answered], NEW),
    ):
        body, lost = encode(*talk, reasoning=wish, tools=[FUNCTION], model=model)
        assert body["thinking"]["type"] in ("enabled", "adaptive")
        assert "reasoning.effort" not in lost


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("anthropic.claude-v2:1", "none"),
        ("claude-3-5-sonnet-20241022", "none"),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "budget"),
        ("claude-sonnet-4-20250514", "budget"),
        ("claude-sonnet-4@20250514", "budget"),
        ("anthropic/claude-opus-4.6", "either"),
        ("eu.anthropic.claude-opus-4-7-v1:0", "adaptive"),
        ("claude-fable-5", "adaptive"),
        ("claude-latest", "adaptive"),
        ("deepseek-chat", "budget"),
    ],
)
def test_what_models_take(model: str, thinking: str) -> None:
    assert abilities_of(model).thinking == thinking


def test_sampling() -> None:
    body, lost = encode(temperature=1.5, top_k=3, stop=["END", "\n"], user="u", service_tier="flex")
    assert (body["temperature"], body["top_k"], body["stop_sequences"]) == (1.0, 3, ["END"])
    assert body["metadata"] == {"user_id": "u"}
    assert lost == ("temperature", "stop", "service_tier")
    body, lost = encode(temperature=0.2, top_p=0.5)
    assert "top_p" not in body
    assert lost == ("top_p",)
    body, lost = encode(model=NEW, temperature=1.0, top_p=1.0)
    assert not {"temperature", "top_p"} & set(body)
    assert lost == ()


def test_what_the_dialect_cannot_say() -> None:
    _, lost = encode(
        n=2,
        seed=1,
        logprobs=True,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        min_p=0.1,
        logit_bias=b"{}",
        verbosity="low",
        prediction=b"{}",
        store=True,
        metadata=b"{}",
        cache_key="k",
        safety_key="s",
        user="u",
        modalities=["text", "audio"],
        safety_settings=b"[]",
    )
    assert set(lost) == {
        *(
            "n",
            "seed",
            "logprobs",
            "presence_penalty",
            "frequency_penalty",
            "min_p",
            "logit_bias",
            "verbosity",
        ),
        *("prediction", "store", "metadata", "cache", "user", "modalities", "safety_settings"),
    }


def test_what_says_nothing_is_no_loss() -> None:
    _, lost = encode(n=1, logprobs=False, presence_penalty=0.0, store=False, modalities=["text"])
    assert lost == ()


def test_forms_of_the_answer() -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"string","pattern":"^x"}},"required":["a"]}'
    wanted = ResponseFormat(kind="schema", name="n", schema=schema, strict=True)
    body, lost = encode(response_format=wanted)
    assert body["output_config"]["format"]["schema"]["additionalProperties"] is False
    assert lost == ("schema.pattern",)
    body, lost = encode(response_format=wanted, model="claude-3-5-haiku-latest")
    assert "^x" in body["system"][0]["text"]
    assert lost == ("response_format",)
    body, lost = encode(response_format=ResponseFormat(kind="json"))
    assert "JSON" in body["system"][0]["text"]
    assert lost == ("response_format",)
    with pytest.raises(BadRequest):
        encode(response_format=ResponseFormat(kind="schema", schema=b"{"))


def test_fields_that_a_provider_does_not_take() -> None:
    quirks = Quirks(unsupported=("temperature", "reasoning", "user"))
    body, lost = encode(temperature=0.5, reasoning=ReasoningWish(effort="low"), quirks=quirks)
    assert not {"temperature", "thinking"} & set(body)
    assert lost == ("temperature", "reasoning.effort")


def test_a_request_to_count() -> None:
    request = ChatRequest(model="m", messages=[HI], max_tokens=5, temperature=0.1, user="u", stream=True)
    body = encode_count_request(request, Recipient(model=OLD, origin="o"), Losses())
    assert set(msgspec.json.decode(body)) == {"model", "messages"}


ids = st.text(max_size=8)
texts = st.text(alphabet="ab \n", max_size=6)
states = st.builds(
    State,
    st.just("s"),
    st.sampled_from(["signature", "redacted", "encrypted"]),
    st.sampled_from([None, "anthropic", "other"]),
)
parts = st.one_of(
    st.builds(Text, text=texts),
    st.builds(
        ToolCall, id=ids, name=st.just("f"), arguments=st.sampled_from(["", "{}", '{"a":1}', "x", "[]"])
    ),
    st.builds(Reasoning, text=texts, state=st.none() | states),
    st.builds(Refusal, text=texts),
    st.builds(Media, kind=st.sampled_from(["image", "audio", "document"]), data=st.just("AAAA")),
    st.builds(Foreign, dialect=st.just("gemini"), kind=st.just("k"), raw=st.just(b"{}")),
)
results = st.builds(ToolResult, call_id=ids, content=st.lists(st.builds(Text, text=texts), max_size=2))
messages = st.one_of(
    st.builds(
        Message,
        role=st.sampled_from(["system", "developer", "user", "assistant"]),
        parts=st.lists(parts, max_size=3),
    ),
    st.builds(Message, role=st.just("tool"), parts=st.lists(results, min_size=1, max_size=2)),
)


@settings(max_examples=200)
@given(st.lists(messages, min_size=1, max_size=6), st.sampled_from(["openai-chat", "anthropic-messages"]))
def test_what_is_sent_is_always_well_formed(talk: list[Message], dialect: str) -> None:
    request = ChatRequest(model="m", messages=talk, dialect=dialect)
    losses = Losses()
    try:
        encoded = DIALECT.encode_request(request, Recipient(model=OLD, origin="anthropic"), losses)
    except BadRequest:
        assert all(message.role == "system" for message in talk) or dialect == "anthropic-messages"
        return
    body = msgspec.json.decode(encoded)
    roles = [turn["role"] for turn in body["messages"] if turn["role"] != "system"]
    if dialect == "openai-chat":
        assert roles[0] == "user"
        assert all(one != next_ for one, next_ in pairwise(roles))
    for turn in body["messages"]:
        assert turn["content"]
        kinds = [block["type"] for block in turn["content"]]
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result")
        for block in turn["content"]:
            assert block["type"] != "text" or block["text"].strip()
            identity = block.get("id", block.get("tool_use_id", "x"))
            assert re.fullmatch("[a-zA-Z0-9_-]+", identity)
    once = DIALECT.decode_request(encoded)
    again = DIALECT.encode_request(once, Recipient(model=OLD, origin="anthropic"), Losses())
    assert msgspec.json.decode(again) == body
