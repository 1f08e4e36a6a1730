"""Real exchanges of providers that speak this dialect: read, and written again, they say the same."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError
from recordings import FOLDER, Exchange, Fixture, exchanges, fixtures, needs_recordings
from spoken_responses import addressee, events_in, frames_of, gathered, given, heard, streamed

from freehold.core.events import End, ErrorSeen
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Reasoning, Text, ToolCall
from freehold.core.usage import NO_USAGE
from freehold.wire.dialect import Quirks, Recipient
from freehold.wire.responses.dialect import DIALECT

pytestmark = needs_recordings

_event = TypeAdapter[Any](ResponseStreamEvent)
_PRICES = FOLDER.parent / "prices" / "genai_prices_usages.jsonl.gz"

_BROKEN_FILES = ("parallel-tool-call-wrapper.1.chunks.txt",)
"""Recordings whose lines were folded: no line of them is an event."""
_SEVERAL_STREAMS = ("reasoning-encrypted-content.1.chunks.txt",)
"""Recordings of several answers one behind the other: the first ends the stream."""
_OTHER_END = ("shell-container.1.chunks.txt", "shell-tool.1.chunks.txt")
"""Recordings put together by hand, whose last event is of another answer than the events before."""
_CHANGING_IDS = ("github-copilot-id-rotation", "openrouter:")
"""Providers that give an item another id in each event."""
_LATE_HOSTED = ("mcp_list_tools_stream_backfills",)
"""A hosted tool's item is told when it is complete, which here is after the text behind it has begun."""


def _is_ours(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.rstrip("/").endswith("/responses")


def _is_fixture(fixture: Fixture) -> bool:
    ours = "/responses/" in fixture.path or fixture.package == "azure"
    return ours and not fixture.path.endswith(_BROKEN_FILES) and "error" not in fixture.path.rsplit("/", 1)[1]


def _is_response(body: bytes) -> bool:
    try:
        return bool(json.loads(body).get("object") == "response")
    except ValueError:
        return False


def bodies() -> list[tuple[str, bytes]]:
    recorded = [(one.name, one.response) for one in exchanges(_is_ours) if one.status == 200]
    recorded += [(one.path, one.text.encode()) for one in fixtures(_is_fixture) if not one.is_stream]
    return [(name, body) for name, body in recorded if _is_response(body)]


def streams() -> list[tuple[str, list[bytes]]]:
    recorded = [
        (one.name, frames_of(one.response.replace(b"\r\n", b"\n")))
        for one in exchanges(_is_ours)
        if one.status == 200 and not _is_response(one.response)
    ]
    return recorded + [(one.path, one.frames()) for one in fixtures(_is_fixture) if one.is_stream]


def _same_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item without what does not matter.

    status               of an item is completed where the answer is
    logprobs             an empty list where there are none
    content, null        of reasoning: empty where it is not shown
    annotations          their place in the text is demanded by the SDK's types, and 0 where nobody said it
    """
    same = {name: value for name, value in item.items() if value is not None and name != "status"}
    if not same.get("content", True):
        del same["content"]
    for part in same.get("content", ()):
        if not part.get("logprobs", True):
            del part["logprobs"]
        for annotation in part.get("annotations", ()):
            if annotation["type"] == "url_citation":
                for name, absent in (("start_index", 0), ("end_index", 0), ("title", "")):
                    annotation.setdefault(name, absent)
    return same


def test_whole_answers_are_read_and_written_again(show: Callable[[str], None]) -> None:
    names = []
    for name, body in bodies():
        before = json.loads(body)
        after, losses = given(DIALECT.decode_answer(body))
        assert losses == (), name
        assert [_same_item(item) for item in after["output"]] == [
            _same_item(item) for item in before["output"]
        ], name
        assert after["status"] == before["status"].replace("complete", "completed").replace("dd", "d"), name
        assert after["model"] == before["model"]
        for field in ("input_tokens", "output_tokens"):
            assert after["usage"] is None or after["usage"][field] == before["usage"][field], name
        names.append(name)
    show(f"openai-responses: {len(names)} whole answers")
    assert len(names) > 300


def _final(frames: list[bytes]) -> bytes | None:
    """The answer in the last event of a stream."""
    for frame in reversed(frames):
        data = frame.partition(b"data:")[2].partition(b"\n")[0].strip()
        if b'"response.completed"' in data or b'"response.incomplete"' in data:
            return json.dumps(json.loads(data)["response"]).encode()
    return None


def test_streams_say_what_their_last_event_says(show: Callable[[str], None]) -> None:
    compared = 0
    for name, frames in streams():
        events = heard(frames)
        assert isinstance(events[-1], End | ErrorSeen), name
        whole = _final(frames)
        if whole is None or name.endswith((*_SEVERAL_STREAMS, *_OTHER_END)):
            continue
        expected, answer = DIALECT.decode_answer(whole), gathered(events)
        if not expected.choices[0].parts:
            continue  # some providers leave the output out of the last event
        expected_parts, parts = expected.choices[0].parts, answer.choices[0].parts
        if any(part in name for part in _LATE_HOSTED):
            expected_parts.sort(key=lambda part: isinstance(part, Foreign))
            parts.sort(key=lambda part: isinstance(part, Foreign))
        assert len(parts) == len(expected_parts), name
        for part, other in zip(parts, expected_parts, strict=True):
            _check_same(part, other, name)
        assert answer.usage == expected.usage, name
        assert answer.choices[0].stop == expected.choices[0].stop, name
        compared += 1
    show(f"openai-responses: {compared} of {len(streams())} streams compared with their last event")
    assert compared > 60


def _check_same(part: Any, other: Any, name: str) -> None:
    assert type(part) is type(other), name
    if isinstance(part, Foreign):
        assert part.kind == other.kind, name
        return
    if not any(word in name for word in _CHANGING_IDS):
        assert part.item_id == other.item_id, name
    assert part.extra.keys() == other.extra.keys(), name
    if isinstance(part, Reasoning):
        # OpenAI encrypts anew for each event.
        assert (part.text, part.summary, part.state is None) == (
            other.text,
            other.summary,
            other.state is None,
        )
    elif isinstance(part, ToolCall):
        assert (part.id, part.name, part.arguments) == (other.id, other.name, other.arguments), name
    elif isinstance(part, Text):
        assert part.text == other.text, name
        assert len(part.citations) == len(other.citations), name


def test_streams_are_written_as_the_sdk_reads_them(show: Callable[[str], None]) -> None:
    count = 0
    for name, frames in streams():
        events = heard(frames)
        stream, losses = streamed(events)
        assert losses == (), name
        written = events_in(stream)
        assert [event["sequence_number"] for event in written] == list(range(len(written)))
        hosted = any(isinstance(part, Foreign) for part in _parts(events))
        for event in written:
            count += 1
            try:
                _event.validate_python(event)
            except ValidationError:
                # Hosted tools' items are passed on as they came, and some came otherwise.
                assert hosted and event["type"].startswith(("response.output_item", "response.completed")), (
                    name
                )
        again = gathered(heard(frames_of(stream)))
        first = gathered(events)
        if not isinstance(events[-1], ErrorSeen):
            for part, other in zip(again.choices[0].parts, first.choices[0].parts, strict=True):
                _check_same(part, other, name)
            assert again.choices[0].logprobs == first.choices[0].logprobs, name
    show(f"openai-responses: {count} events written")


def _parts(events: list[Any]) -> list[Any]:
    return [event.part for event in events if hasattr(event, "part")]


def test_whole_answers_are_what_the_sdk_calls_one(show: Callable[[str], None]) -> None:
    passed_on = 0
    for name, body in bodies():
        answer = DIALECT.decode_answer(body)
        losses = Losses()
        written = DIALECT.encode_answer(answer, addressee(), losses)
        try:
            Response.model_validate_json(written)
        except ValidationError:
            assert any(isinstance(part, Foreign) for part in answer.choices[0].parts), name
            passed_on += 1
    total = len(bodies())
    show(f"openai-responses: {total - passed_on} of {total} answers parse; the others hold odd hosted items")
    assert passed_on < 6


_DROPPED: tuple[Any, ...] = (None, False, [], {})


def _same_request(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what does not matter.

    null, false, []      say what leaving the field out says
    store                false is sent where nothing is to be kept
    include              in any order; encrypted reasoning is asked for where nothing is kept
    instructions         leading system items are instructions
    input                a string is one user message; a message says that it is one
    generate_summary     is the former name of `summary`
    """
    same = {name: value for name, value in body.items() if value not in _DROPPED and name != "store"}
    same["include"] = sorted(set(body.get("include") or []) - {"reasoning.encrypted_content"})
    given_input = same.get("input", [])
    if isinstance(given_input, str):
        given_input = [{"role": "user", "content": given_input}]
    same["input"] = [_same_input(item) for item in given_input]
    leading = [same["instructions"]] if "instructions" in same else []
    while same["input"] and same["input"][0].get("role") == "system":
        leading.append(same["input"].pop(0)["content"])
    same["instructions"] = "\n\n".join(leading)
    for tool in same.get("tools", ()):
        for name in [name for name, value in tool.items() if value is None]:
            del tool[name]
    reasoning = {
        name: value for name, value in (same.pop("reasoning", None) or {}).items() if value is not None
    }
    if "generate_summary" in reasoning:
        reasoning["summary"] = reasoning.pop("generate_summary")
    return {**same, "reasoning": reasoning}


def _same_input(item: dict[str, Any]) -> dict[str, Any]:
    item = {name: value for name, value in item.items() if value is not None and name != "status"}
    if "role" in item:
        item.setdefault("type", "message")
    if item.get("type") == "reasoning" and not item.get("content", True):
        del item["content"]
    return item


def test_requests_are_read_and_written_again(show: Callable[[str], None]) -> None:
    recorded = exchanges(_is_ours)
    for one in recorded:
        request = DIALECT.decode_request(one.request)
        # DeepSeek takes its reasoning back in plain words.
        replay = Quirks(reasoning_replay="reasoning_content") if one.provider == "deepseek" else Quirks()
        recipient = Recipient(model=request.model, origin="p", quirks=replay)
        losses = Losses()
        body = json.loads(DIALECT.encode_request(request, recipient, losses))
        assert not losses, (one.name, losses.names)
        assert body["store"] is (json.loads(one.request).get("store") is True)
        assert _same_request(body) == _same_request(json.loads(one.request)), one.name
    show(f"openai-responses: {len(recorded)} requests")
    assert len(recorded) > 300


def test_errors_are_understood() -> None:
    refused = [one for one in exchanges(_is_ours) if one.status >= 400]
    assert len(refused) >= 8
    for one in refused:
        error = DIALECT.decode_error(one.status, one.response)
        theirs = json.loads(one.response)["error"]
        assert (error.message, error.kind, error.param) == (
            theirs["message"],
            theirs["type"],
            theirs["param"],
        )
        ours = json.loads(DIALECT.encode_error(error))["error"]
        assert {name: ours[name] for name in theirs} == theirs, one.name


@pytest.mark.skipif(not _PRICES.is_file(), reason="the recorded usages are not here")
def test_usage_is_what_a_price_list_counts(show: Callable[[str], None]) -> None:
    names = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read_tokens": "cache_read_tokens",
        "cache_write_tokens": "cache_write_tokens",
        "output_reasoning_tokens": "reasoning_tokens",
    }
    right = total = 0
    with gzip.open(_PRICES) as lines:
        for line in lines:
            row = json.loads(line)
            usage = row["body"].get("usage")
            if not isinstance(usage, dict) or "input_tokens_details" not in usage:
                continue
            for one in row["extracted"]:
                if not any(
                    (by["provider_id"], by["api_flavor"]) == ("openai", "responses")
                    for by in one["extractors"]
                ):
                    continue
                total += 1
                ours = DIALECT.decode_usage(json.dumps(usage).encode())
                counted = {
                    theirs: getattr(ours, name) for theirs, name in names.items() if getattr(ours, name)
                }
                right += counted == one["usage"] and ours != NO_USAGE
    show(f"openai-responses: the usage of {right} of {total} bodies is as expected")
    assert right == total > 100
