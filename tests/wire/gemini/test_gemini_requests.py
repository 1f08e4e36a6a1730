"""The traps of Gemini's requests, one by one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import (
    CacheMark,
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import ChatRequest, HostedTool, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire.dialect import Quirks, Recipient
from freehold.wire.gemini.contents_out import UNSIGNED
from freehold.wire.gemini.dialect import DIALECT
from freehold.wire.gemini.ids import is_made
from freehold.wire.sealing import seal

GOOGLE = Recipient(model="gemini-3-pro", origin="google")


def decode(**body: Any) -> ChatRequest:
    return DIALECT.decode_request(
        json.dumps({"model": "g", "stream": False, "contents": [], **body}).encode()
    )


def encode(request: ChatRequest, recipient: Recipient = GOOGLE) -> tuple[dict[str, Any], tuple[str, ...]]:
    losses = Losses()
    body: dict[str, Any] = json.loads(DIALECT.encode_request(request, recipient, losses))
    return body, losses.names


def asked(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=list(messages) or [user("Hi")], dialect="openai-chat", **fields)


def user(text: str) -> Message:
    return Message(role="user", parts=[Text(text=text)])


def test_the_url_fields_are_taken_and_not_sent() -> None:
    request = decode(model="models/gemini-3-pro", stream=True, contents="Hi")
    assert (request.model, request.stream, request.messages[0].plain) == ("gemini-3-pro", True, True)
    assert set(encode(request)[0]) == {"contents"}


def test_snake_case_is_understood_everywhere() -> None:
    request = decode(
        system_instruction={"parts": [{"text": "Be brief."}]},
        contents=[
            {
                "parts": [
                    {"inline_data": {"mime_type": "image/png", "data": "-_8"}, "thought_signature": "-_8"}
                ]
            }
        ],
        generation_config={
            "max_output_tokens": "5",
            "top_k": 40.0,
            "thinking_config": {"thinking_budget": 9},
        },
        tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        tools=[{"function_declarations": [{"name": "f"}]}, {"google_search": {}}],
    )
    media = request.messages[1].parts[0]
    assert isinstance(media, Media) and media.state is not None
    assert (media.data, media.state.data) == ("+/8=", "+/8=")
    assert (request.max_tokens, request.top_k) == (5, 40)
    assert request.reasoning == ReasoningWish(budget=9)
    assert request.tool_choice == ToolChoice(mode="named", names=("f",))
    assert [tool.kind for tool in request.tools if isinstance(tool, HostedTool)] == ["googleSearch"]


def test_calls_without_ids_are_paired_with_their_results_by_name_and_order() -> None:
    call: Any = {"functionCall": {"name": "f", "args": {}}}
    result: Any = {"functionResponse": {"name": "f", "response": {"output": "x"}}}
    contents = [{"role": "model", "parts": [call, call]}, {"role": "function", "parts": [result, result]}]
    request = decode(contents=contents)
    calls = [part.id for part in request.messages[0].parts if isinstance(part, ToolCall)]
    results = [part.call_id for part in request.messages[1].parts if isinstance(part, ToolResult)]
    assert calls == results and len(set(calls)) == 2 and all(map(is_made, calls))
    assert request.messages[1].role == "tool"
    assert decode(contents=contents) == request
    body, _ = encode(request)
    assert "id" not in str(body)


def test_results_without_ids_go_out_in_the_order_of_their_calls() -> None:
    call: Any = {"functionCall": {"name": "f"}}
    request = decode(contents=[{"role": "model", "parts": [call, call]}])
    ids = [part.id for part in request.messages[0].parts if isinstance(part, ToolCall)]
    results = [ToolResult(call_id=one, content=[Text(text=str(at))]) for at, one in enumerate(ids)]
    request.messages.append(Message(role="tool", parts=[results[1]]))
    request.messages.append(Message(role="tool", parts=[results[0]]))
    body, _ = encode(request)
    responses = [part["functionResponse"] for part in body["contents"][1]["parts"]]
    assert [one["response"] for one in responses] == [{"output": "0"}, {"output": "1"}]
    assert [one["name"] for one in responses] == ["f", "f"]


@pytest.mark.parametrize(
    ("response", "result"),
    [
        ({"output": "fine"}, ToolResult(call_id="1", name="f", content=[Text(text="fine")])),
        ({"error": "bad"}, ToolResult(call_id="1", name="f", content=[Text(text="bad")], failed=True)),
        ({"a": 1}, ToolResult(call_id="1", name="f", content=[Text(text='{"a": 1}')], structured=True)),
        ({}, ToolResult(call_id="1", name="f", content=[Text(text="{}")], structured=True)),
    ],
)
def test_responses_are_taken_apart_and_put_together(response: Any, result: ToolResult) -> None:
    part = {"functionResponse": {"id": "1", "name": "f", "response": response}}
    request = decode(contents=[{"role": "user", "parts": [part, {"text": "go on"}]}])
    assert request.messages[0].parts == [result]
    body, losses = encode(request)
    assert body["contents"] == [{"role": "user", "parts": [part, {"text": "go on"}]}]
    assert losses == ()


def test_media_of_results_go_along() -> None:
    media = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    part = {"functionResponse": {"id": "1", "name": "f", "response": {"output": "x"}, "parts": [media]}}
    request = decode(contents=[{"parts": [part]}])
    assert encode(request)[0]["contents"][0]["parts"] == [part]
    body, losses = encode(request, Recipient(model="m", origin="o", quirks=Quirks(input_media=())))
    assert "parts" not in body["contents"][0]["parts"][0]["functionResponse"]
    assert losses == ("tool_result.media",)


def test_signatures_come_back_on_the_part_they_were_on() -> None:
    parts = [
        {"text": "", "thoughtSignature": "AAAA"},
        {"text": "thinking", "thought": True, "thoughtSignature": "BBBB"},
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "CCCC"},
        {"executableCode": {"code": "1"}, "thoughtSignature": "DDDD"},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "EEEE"},
    ]
    request = decode(contents=[{"role": "model", "parts": parts}])
    body, losses = encode(request)
    assert body["contents"][0]["parts"] == parts
    assert losses == ()


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_sealed_signatures_go_to_their_maker_alone(alphabet: Any) -> None:
    sealed = seal(State(data="sig?>~", kind="signature", origin="google"))
    given = alphabet(base64.b64decode(sealed)).decode()  # what the SDK makes of it
    call = {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": given}
    request = decode(contents=[{"role": "model", "parts": [call]}])
    body, losses = encode(request)
    assert body["contents"][0]["parts"][0]["thoughtSignature"] == "sig?>~"
    assert losses == ()
    body, losses = encode(request, Recipient(model="m", origin="elsewhere"))
    assert body["contents"][0]["parts"][0]["thoughtSignature"] == UNSIGNED
    assert losses == ("reasoning.state",)


def test_the_first_call_of_another_models_turn_is_marked() -> None:
    calls = [ToolCall(id="a", name="f", arguments="{}"), ToolCall(id="b", name="g", arguments="")]
    request = asked(user("Hi"), Message(role="assistant", parts=[*calls]))
    parts = encode(request)[0]["contents"][1]["parts"]
    assert parts[0] == {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": UNSIGNED}
    assert parts[1] == {"functionCall": {"id": "b", "name": "g"}}


def test_invalid_arguments_survive() -> None:
    request = asked(Message(role="assistant", parts=[ToolCall(id="a", name="f", arguments='{"a": ')]))
    body, losses = encode(request)
    assert body["contents"][0]["parts"][0]["functionCall"]["args"] == {"INVALID_JSON": '{"a": '}
    assert losses == ("field.arguments",)


def test_neighbours_of_a_models_turn_are_one_content() -> None:
    request = asked(
        user("Hi"),
        Message(role="assistant", parts=[Text(text="a")]),
        Message(role="assistant", parts=[ToolCall(id="1", name="f", arguments="{}")]),
        Message(role="tool", parts=[ToolResult(call_id="1", content=[Text(text="x")])]),
        user("and?"),
        user("so?"),
    )
    contents = encode(request)[0]["contents"]
    assert [(one["role"], len(one["parts"])) for one in contents] == [
        ("user", 1),
        ("model", 2),
        ("user", 2),
        ("user", 1),
    ]


def test_system_messages_become_instructions_wherever_they_stand() -> None:
    first, later = (
        Message(role="system", parts=[Text(text="a")]),
        Message(role="developer", parts=[Text(text="b")]),
    )
    body, losses = encode(asked(first, user("Hi"), later))
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert losses == ("system.position",)
    body, losses = encode(asked(first))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}
    assert losses == ("system.position",)


def test_empty_turns_are_kept() -> None:
    body, losses = encode(asked(user("a"), Message(role="assistant"), user("b")))
    assert body["contents"][1] == {"role": "model", "parts": [{"text": ""}]}
    assert losses == ()


def test_openapi_schemas_become_json_schemas() -> None:
    older = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "STRING", "nullable": True, "max_length": "5"},
            "max_length": {"anyOf": [{"type": "INTEGER"}, {"type": "NUMBER"}]},
        },
        "propertyOrdering": ["max_length", "b"],
    }
    request = decode(
        tools=[{"functionDeclarations": [{"name": "f", "description": "d", "parameters": older}]}],
        generationConfig={"responseMimeType": "application/json", "responseSchema": older},
    )
    expected = {
        "type": "object",
        "properties": {
            "max_length": {"anyOf": [{"type": "integer"}, {"type": "number"}]},
            "b": {"type": ["string", "null"], "maxLength": 5},
        },
    }
    body, _ = encode(request)
    function = body["tools"][0]["functionDeclarations"][0]
    assert function == {"name": "f", "description": "d", "parametersJsonSchema": expected}
    assert list(function["parametersJsonSchema"]["properties"]) == ["max_length", "b"]
    assert body["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": expected,
    }


def test_what_nobody_knows_goes_back_to_its_place() -> None:
    body = {
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "contents": [{"role": "user", "parts": [{"text": "a", "partMetadata": {"x": 1}}]}],
        "cachedContent": "cachedContents/1",
        "generationConfig": {
            "mediaResolution": "LOW",
            "thinkingConfig": {"new": 1},
            "speechConfig": {"languageCode": "de"},
        },
        "toolConfig": {"retrievalConfig": {"a": 1}, "functionCallingConfig": {"mode": "VALIDATED", "new": 2}},
        "safetySettings": [{"category": "X", "threshold": "Y"}],
        "labels": {"team": "a"},
        "serviceTier": "flex",
    }
    request = decode(**body)
    assert request.metadata == b'{"team": "a"}' and request.service_tier == "flex"
    sent, losses = encode(request)
    assert (sent, losses) == (body, ())
    request.dialect = "openai-chat"
    _, losses = encode(request)
    assert set(losses) == {
        "metadata",
        "field.partMetadata",
        "field.cachedContent",
        "field.generationConfig.mediaResolution",
        "field.generationConfig.speechConfig",
        "field.new",
        "field.mode",
        "field.toolConfig.retrievalConfig",
    }


def test_a_voice_is_a_voice() -> None:
    speech = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    request = decode(generationConfig={"responseModalities": ["AUDIO"], "speechConfig": speech})
    assert json.loads(request.audio or b"") == {"voice": "Kore", "format": "pcm16"}
    assert request.modalities == ["audio"]
    assert encode(request)[0]["generationConfig"] == {"responseModalities": ["AUDIO"], "speechConfig": speech}
    _, losses = encode(asked(audio=b'{"voice":"alloy","format":"mp3"}'))
    assert losses == ("field.audio",)


@pytest.mark.parametrize(
    ("model", "wish", "config", "lost"),
    [
        ("gemini-3-pro", ReasoningWish(effort="low"), {"thinkingLevel": "LOW"}, ()),
        ("gemini-3-pro", ReasoningWish(effort="none"), {"thinkingLevel": "MINIMAL"}, ("reasoning.effort",)),
        ("gemini-3-pro", ReasoningWish(effort="max"), {"thinkingLevel": "HIGH"}, ("reasoning.effort",)),
        (
            "gemini-3-pro",
            ReasoningWish(mode="enabled", budget=5000),
            {"thinkingBudget": 5000, "includeThoughts": True},
            (),
        ),
        (
            "gemini-3-pro",
            ReasoningWish(effort="high", budget=9),
            {"thinkingLevel": "HIGH"},
            ("reasoning.budget",),
        ),
        ("gemini-2.5-flash", ReasoningWish(effort="medium"), {"thinkingBudget": 8192}, ()),
        ("gemini-2.5-flash", ReasoningWish(effort="none"), {"thinkingBudget": 0}, ()),
        ("gemini-2.5-flash", ReasoningWish(mode="disabled"), {"thinkingBudget": 0}, ()),
        ("gemini-2.5-pro", ReasoningWish(effort="none"), {"thinkingBudget": 128}, ("reasoning.effort",)),
        ("gemini-2.5-flash", ReasoningWish(budget=99999), {"thinkingBudget": 24576}, ("reasoning.budget",)),
        ("gemini-2.5-flash", ReasoningWish(effort="max"), {"thinkingBudget": 24576}, ("reasoning.effort",)),
        (
            "gemini-2.5-pro",
            ReasoningWish(mode="adaptive"),
            {"thinkingBudget": -1, "includeThoughts": True},
            (),
        ),
        ("gemini-2.0-flash", ReasoningWish(effort="high"), None, ("reasoning.effort",)),
        ("gemini-2.0-flash", ReasoningWish(effort="none"), None, ()),
        ("gemini-3-pro", ReasoningWish(summary="detailed"), {"includeThoughts": True}, ("reasoning.shown",)),
    ],
)
def test_wishes_for_reasoning_are_put_as_the_model_takes_them(
    model: str, wish: ReasoningWish, config: Any, lost: tuple[str, ...]
) -> None:
    body, losses = encode(asked(reasoning=wish), Recipient(model=model, origin="google"))
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert losses == lost


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="auto", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="named", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
    ],
)
def test_tool_choices(choice: ToolChoice, config: Any) -> None:
    body, losses = encode(asked(tools=[Tool(name="f")], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": config}
    assert losses == ()
    assert "toolConfig" not in encode(asked(tool_choice=choice))[0]


def test_everything_that_has_no_place_is_a_loss() -> None:
    parts: list[Part] = [
        Text(text="a", cache=CacheMark(), extra={}),
        Media(kind="image", file_id="file-1"),
        Media(kind="image", url="https://x/y.png?z", detail="high", name="y"),
        Foreign(dialect="openai-responses", kind="web_search_call", raw=b"{}"),
        Reasoning(text="hm", state=State(data="x", kind="encrypted", origin="openai")),
        Reasoning(state=State(data="x", kind="encrypted", origin="openai")),
    ]
    request = asked(
        Message(role="assistant", name="n", parts=parts),
        tools=[
            Tool(name="f", strict=True),
            Tool(name="g", custom=True),
            HostedTool(dialect="openai-responses", kind="web_search", raw=b"{}"),
        ],
        response_format=ResponseFormat(kind="schema", name="n", description="d", schema=b"{}", strict=True),
        parallel_tool_calls=False,
        min_p=0.1,
        logit_bias=b"{}",
        verbosity="low",
        prediction=b"{}",
        user="u",
        metadata=b"{}",
        store=True,
        cache_key="k",
        safety_key="s",
        service_tier="scale",
        seed=4,
    )
    body, losses = encode(
        request, Recipient(model="m", origin="o", quirks=Quirks(unsupported=("seed", "stream")))
    )
    assert set(losses) == {
        "cache", "file", "image.detail", "field.name", "part.web_search_call", "reasoning.state", "message.name",
        "strict", "tool.custom", "tool.web_search", "field.description", "parallel_tool_calls", "min_p", "logit_bias",
        "verbosity", "prediction", "user", "metadata", "store", "service_tier", "seed",
    }  # fmt: skip
    assert body["contents"][0]["parts"] == [
        {"text": "a"},
        {"fileData": {"fileUri": "https://x/y.png?z", "mimeType": "image/png"}},
        {"text": "hm", "thought": True},
    ]
    assert "seed" not in body.get("generationConfig", {})


def test_a_form_that_cannot_be_told_is_asked_for_in_words() -> None:
    request = asked(response_format=ResponseFormat(kind="schema", schema=b'{"type":"object"}'))
    body, losses = encode(request, Recipient(model="m", origin="o", quirks=Quirks(schema=False)))
    assert '{"type":"object"}' in body["systemInstruction"]["parts"][0]["text"]
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    assert losses == ("response_format",)


def test_media_of_every_kind() -> None:
    parts: list[Part] = [
        Media(kind="image", data="iVBORw0K"),
        Media(kind="image", url="data:image/gif;base64,R0lG"),
        Media(kind="document", text="words"),
        Media(kind="video", url="https://youtu.be/x"),
        Media(kind="document", file_id="gs://bucket/a.pdf"),
    ]
    body, losses = encode(asked(Message(role="user", parts=parts)))
    assert body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0K"}},
        {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}},
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"words").decode()}},
        {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "gs://bucket/a.pdf", "mimeType": "application/pdf"}},
    ]
    assert losses == ()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"[]", None),
        (b'{"contents":[]}', "model"),
        (b'{"model":"m"}', "contents"),
        (b'{"model":"m","contents":[{"parts":[{"text":5}]}]}', "contents[0].parts[0].text"),
        (b'{"model":"m","contents":[5]}', "contents[0]"),
        (b'{"model":"m","contents":[],"generationConfig":{"topK":"x"}}', "generationConfig.topK"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        DIALECT.decode_request(body)
    assert caught.value.param == param
