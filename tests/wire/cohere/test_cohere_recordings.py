"""Recorded calls of Cohere: every answer is read, every stream, every usage, and requests come out as they were."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from recordings import FOLDER, Exchange, exchanges, fixtures, needs_recordings

from freehold.core.events import End
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Message, Part, Reasoning, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, Tool, ToolChoice
from freehold.core.usage import Usage
from freehold.wire.cohere.dialect import DIALECT
from freehold.wire.cohere.embeddings import decode_answer, encode_requests
from freehold.wire.cohere.usage import decode_counted
from freehold.wire.dialect import Recipient

PRICES = Path(FOLDER).parent / "prices" / "genai_prices_usages.jsonl.gz"

IRRELEVANT: dict[str, str] = {
    "max_tokens": "null, which says nothing",
    "output_dimension": "null, which says nothing",
}
"""In what a request that we write may differ from the recorded one, and why that is the same."""


def _calls(path: str) -> list[Exchange]:
    return exchanges(lambda one: one.uri.startswith("https://api.cohere.com") and one.path == path)


@needs_recordings
def test_every_recorded_answer_is_read(show: Callable[[str], None]) -> None:
    bodies = [(one.name, one.response) for one in _calls("/v2/chat") if one.status == 200]
    samples = fixtures(lambda one: one.package == "cohere" and one.kind == "json")
    bodies += [
        (one.path, one.text.encode())
        for one in samples
        if "rerank" not in one.path and "embedding" not in one.path
    ]
    for name, body in bodies:
        answer = DIALECT.decode_answer(body)
        assert answer.choices[0].parts, name
        assert answer.choices[0].stop is not None
        assert answer.choices[0].stop.reason != "other"
        assert answer.usage.source == "provider"
        assert not answer.extra, (name, answer.extra)
    show(f"cohere: {len(bodies)} of {len(bodies)} recorded answers read")


@needs_recordings
def test_every_recorded_stream_is_read(show: Callable[[str], None]) -> None:
    samples = fixtures(lambda one: one.package == "cohere" and one.is_stream)
    for sample in samples:
        decoder, gathering = DIALECT.decode_stream(), Gathering()
        events = [one for frame in sample.frames() for one in decoder.read(frame)]
        for one in events:
            gathering.add(one)
        assert isinstance(events[-1], End), sample.path
        assert gathering.finish().choices[0].parts, sample.path
    show(f"cohere: {len(samples)} of {len(samples)} recorded streams read")


@needs_recordings
def test_recorded_embeddings_are_read_and_asked_for_alike(show: Callable[[str], None]) -> None:
    done = 0
    for one in _calls("/v2/embed"):
        body = msgspec.json.decode(one.request)
        if one.status != 200:
            assert "not found" in DIALECT.decode_error(one.status, one.response).message
            continue
        embedded = decode_answer(one.response)
        assert len(embedded.vectors) == len(body["texts"])
        assert embedded.usage.input_tokens
        asked = {"input": body["texts"], "input_type": body["input_type"], "truncate": body["truncate"]}
        (written,) = encode_requests(msgspec.json.encode(asked), body["model"], Losses())
        assert msgspec.json.decode(written) == {
            name: value for name, value in body.items() if value is not None
        }
        done += 1
    show(f"cohere: {done} recorded embeddings read, and asked for alike")


@needs_recordings
def test_recorded_requests_come_out_as_they_were(show: Callable[[str], None]) -> None:
    calls = _calls("/v2/chat")
    for one in calls:
        body = msgspec.json.decode(one.request)
        losses = Losses()
        recipient = Recipient(model=body["model"], origin="here")
        written = msgspec.json.decode(DIALECT.encode_request(_read(body), recipient, losses))
        assert not losses.names, (one.name, losses.names)
        assert written == body, one.name
    show(f"cohere: {len(calls)} of {len(calls)} recorded requests written again with the same meaning")


def _read(body: dict[str, Any]) -> ChatRequest:
    """The request in the internal form: no client speaks it, so only this test reads it."""
    choice = body.get("tool_choice")
    return ChatRequest(
        model="route",
        messages=[_message(one) for one in body["messages"]],
        tools=[
            Tool(
                name=tool["function"]["name"],
                description=tool["function"]["description"],
                schema=msgspec.json.encode(tool["function"]["parameters"]),
            )
            for tool in body.get("tools", [])
        ],
        tool_choice=None if choice is None else ToolChoice(mode="none" if choice == "NONE" else "required"),
        stop=body.get("stop_sequences", []),
        stream=body["stream"],
        dialect="cohere",
    )


def _message(one: dict[str, Any]) -> Message:
    content = one.get("content", [])
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts: list[Part] = [
        Text(text=block["text"]) if block["type"] == "text" else Reasoning(text=block["thinking"])
        for block in blocks
    ]
    if one["role"] == "tool":
        texts = [part for part in parts if isinstance(part, Text)]
        return Message(role="tool", parts=[ToolResult(call_id=one["tool_call_id"], content=[*texts])])
    for call in one.get("tool_calls", []):
        function = call["function"]
        parts.append(ToolCall(id=call["id"], name=function["name"], arguments=function["arguments"]))
    return Message(role=one["role"], parts=parts)


@needs_recordings
def test_usage_is_what_the_price_list_expects(show: Callable[[str], None]) -> None:
    readers: dict[str, tuple[str, Callable[[bytes], Usage]]] = {
        "default": ("usage", DIALECT.decode_usage),
        "tokens": ("usage", decode_counted),
        "embeddings": ("meta", DIALECT.decode_usage),
    }
    seen = dict.fromkeys(readers, 0)
    right = dict.fromkeys(readers, 0)
    for line in gzip.decompress(PRICES.read_bytes()).splitlines():
        row = msgspec.json.decode(line)
        for expected in row["extracted"]:
            for flavour in (
                one["api_flavor"] for one in expected["extractors"] if one["provider_id"] == "cohere"
            ):
                place, decode = readers[flavour]
                usage = decode(msgspec.json.encode(row["body"][place]))
                names = ["input_tokens", "output_tokens"]
                if (
                    flavour == "tokens"
                ):  # the list takes nothing from a cache off a bill, and so leaves it out there
                    names.append("cache_read_tokens")
                counted = {name: count for name in names if (count := getattr(usage, name))}
                seen[flavour] += 1
                right[flavour] += counted == {
                    name: count for name, count in expected["usage"].items() if count
                }
    for flavour in readers:
        show(f"cohere: {right[flavour]} of {seen[flavour]} usages ({flavour}) as the price list expects them")
    assert all(seen.values())
    assert right == seen
