"""What recorded answers once lost, or had broken, on their way into another dialect: one example each."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion

from benchmarks.reality.official import accumulate, parse_answer
from freehold.core.answer import Answer, Choice, Stop
from freehold.core.events import Event
from freehold.core.gathering import events_of
from freehold.core.losses import Losses
from freehold.core.parts import Citation, Part, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import Addressee, DialectName
from freehold.wire.dialects import dialect_of
from freehold.wire.sse import EventSplitter

CLIENTS: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")


def answer_of(*parts: Part, **fields: Any) -> Answer:
    choice = Choice(parts=list(parts), stop=Stop(reason="stop"), extra=fields.pop("about", {}))
    told = {"usage": Usage(10, 5, source="provider"), "model": "m", "dialect": "elsewhere", **fields}
    return Answer(choices=[choice], **told)


def addressee(target: DialectName) -> Addressee:
    request = ChatRequest(model="m", messages=[], dialect=target, stream_usage=True)
    return Addressee(request=request, id="call_1", created=1)


def given(answer: Answer, target: DialectName) -> tuple[Any, tuple[str, ...]]:
    losses = Losses()
    body = dialect_of(target).encode_answer(answer, addressee(target), losses)
    parse_answer(target, body)
    return json.loads(body), losses.names


def streamed(events: list[Event], target: DialectName) -> tuple[list[bytes], tuple[str, ...]]:
    losses = Losses()
    writer = dialect_of(target).encode_stream(addressee(target), losses)
    splitter = EventSplitter()
    return [frame for event in events for frame in splitter.feed(writer.write(event))], losses.names


@pytest.mark.parametrize("target", CLIENTS)
@pytest.mark.parametrize("tier", ["standard", "on_demand", "default", "priority", "batch", "unheard_of"])
def test_service_tiers_are_told_in_words_that_the_sdk_knows(target: DialectName, tier: str) -> None:
    _, losses = given(answer_of(Text(text="x"), service_tier=tier), target)
    frames, also = streamed(list(events_of(answer_of(Text(text="x"), service_tier=tier))), target)
    accumulate(target, frames)
    assert losses == also
    assert tier in ("standard", "on_demand", "default", "priority", "batch") or losses == ("service_tier",)


@pytest.mark.parametrize("target", CLIENTS)
def test_what_is_said_of_a_choice_besides_is_declared(target: DialectName) -> None:
    answer = answer_of(Text(text="x"), about={"avgLogprobs": json_raw(b"-1")})
    assert given(answer, target)[1] == ("answer.avgLogprobs",)
    assert streamed(list(events_of(answer)), target)[1] == ("answer.avgLogprobs",)


def json_raw(raw: bytes) -> Any:
    return msgspec.Raw(raw)


def test_openais_sdk_puts_several_citations_together() -> None:
    cited = Text(text="x", citations=[Citation(kind="url", url=f"https://e/{at}") for at in range(3)])
    frames, _ = streamed(list(events_of(answer_of(cited, cited))), "openai-chat")
    whole = accumulate("openai-chat", frames)
    assert whole is not None
    message = ChatCompletion.model_validate_json(whole).choices[0].message
    assert [one.url_citation.url for one in message.annotations or ()] == [
        "https://e/0",
        "https://e/1",
        "https://e/2",
    ] * 2


@pytest.mark.parametrize("target", CLIENTS)
def test_arguments_over_several_lines_are_one_event(target: DialectName) -> None:
    call = ToolCall(id="call_1", name="f", arguments='{\n  "a": 1,\n\n  "b": [\r\n]}')
    frames, _ = streamed(list(events_of(answer_of(call))), target)
    accumulate(target, frames)
    reader = dialect_of(target).decode_stream()
    found = [event for frame in frames for event in reader.read(frame)] + reader.finish()
    assert any(getattr(getattr(event, "part", None), "name", "") == "f" for event in found)


def test_free_text_for_a_tool_is_json_in_anthropics_streams() -> None:
    call = ToolCall(id="call_1", name="sql", arguments='SELECT "ä"\n', custom=True)
    frames, losses = streamed(list(events_of(answer_of(call))), "anthropic-messages")
    whole = accumulate("anthropic-messages", frames)
    assert whole is not None
    assert json.loads(whole)["content"][0]["input"] == {"input": 'SELECT "ä"\n'}
    assert "tool.custom" in losses


def test_fields_of_calls_are_passed_on_within_their_dialect_alone() -> None:
    call = ToolCall(id="call_1", name="f", arguments="{}", extra={"caller": json_raw(b'{"type":"direct"}')})
    body, losses = given(answer_of(call), "openai-responses")
    assert "caller" not in body["output"][0]
    assert losses == ("answer.caller",)
    body, losses = given(answer_of(call, dialect="openai-responses"), "openai-responses")
    assert body["output"][0]["caller"] == {"type": "direct"}


def test_annotations_of_another_dialect_are_not_taken_for_ours() -> None:
    cited = Text(text="x", citations=[Citation(extra={"annotation": json_raw(b'{"type":"file"}')})])
    body, losses = given(answer_of(cited), "openai-responses")
    assert body["output"][0]["content"][0]["annotations"] == []
    assert losses == ("citations",)


def test_a_usage_of_prompts_alone_is_one_that_the_sdk_reads() -> None:
    body, losses = given(answer_of(usage=Usage(14, source="provider")), "openai-chat")
    assert body["usage"] == {"prompt_tokens": 14, "completion_tokens": 0, "total_tokens": 14}
    assert losses == ("usage.unknown",)


def test_tokens_that_were_read_from_the_cache_and_written_to_it_are_told_once() -> None:
    usage = Usage(2168, 100, 2161, 2161, source="provider")
    body, losses = given(answer_of(Text(text="x"), usage=usage), "anthropic-messages")
    assert (
        dialect_of("anthropic-messages").decode_usage(json.dumps(body["usage"]).encode()).input_tokens == 2168
    )
    assert losses == ("usage.cache_write_tokens",)


@pytest.mark.parametrize("target", ["openai-chat", "gemini"])
def test_what_else_a_citation_says_is_declared(target: DialectName) -> None:
    citation = Citation(kind="url", url="https://e", title="t", extra={"encrypted_index": json_raw(b'"x"')})
    assert given(answer_of(Text(text="x", citations=[citation])), target)[1] == (
        "answer.citation.encrypted_index",
    )
