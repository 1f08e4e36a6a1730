"""Recorded calls of Bedrock: every answer is read, every stream, every usage, and requests come out as they were."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from converse_reader import read
from converse_shapes import problems_of
from event_frames import event
from recordings import FOLDER, Exchange, exchanges, fixtures, needs_recordings

from freehold.core.answer import Answer
from freehold.core.events import End
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.wire.aws_frames import AwsEventSplitter
from freehold.wire.bedrock.dialect import DIALECT
from freehold.wire.dialect import Recipient

PRICES = Path(FOLDER).parent / "prices" / "genai_prices_usages.jsonl.gz"

IRRELEVANT: dict[str, str] = {
    "empty": "an empty `system` or `inferenceConfig` says the same as none",
    "toolChoice.auto": "what is done by default need not be said",
    "additionalModelResponseFieldPaths": "asked for by us, to be told which stop sequence was met",
    "additionalProperties": "objects that have to be followed strictly are closed, which is what is demanded of them",
    "order": "results of tools come before what else is in their turn",
    "video/mp4": "one recording has a MIME type for a format; we put the format",
    "first turn": "most models demand that the user begins; where nobody did, a dot stands for it",
    "blank text": "says nothing, and is refused by most models",
    "schema": "a schema inside a string, with other white space",
}
"""In what a request that we write may differ from the recorded one, and why that is the same."""


def _calls(status: int = 200) -> list[Exchange]:
    return exchanges(lambda one: "/model/" in one.uri and "/converse" in one.uri and one.status == status)


def _model(one: Exchange) -> str:
    return unquote(one.path.split("/model/", 1)[1].rsplit("/", 1)[0])


def _streamed(frames: list[bytes]) -> tuple[Answer, bool]:
    decoder, gathering = DIALECT.decode_stream(), Gathering()
    ended = False
    for said in [*(one for frame in frames for one in decoder.read(frame)), *decoder.finish()]:
        gathering.add(said)
        ended |= isinstance(said, End)
    return gathering.finish(), ended


@needs_recordings
def test_every_recorded_answer_is_read(show: Callable[[str], None]) -> None:
    answers = [one for one in _calls() if not one.path.endswith("stream")]
    for one in answers:
        answer = DIALECT.decode_answer(one.response)
        content = msgspec.json.decode(one.response)["output"]["message"]["content"]
        assert len(answer.choices[0].parts) == sum(block.get("text") != "" for block in content), one.name
        assert answer.choices[0].stop is not None
        assert answer.choices[0].stop.reason != "other"
        assert answer.usage.source == "provider"
    samples = fixtures(
        lambda one: one.package == "amazon-bedrock" and one.kind == "json" and "rerank" not in one.path
    )
    for sample in samples:
        assert DIALECT.decode_answer(sample.text.encode()).choices[0].parts, sample.path
    show(
        f"bedrock: {len(answers)} of {len(answers)} recorded answers and {len(samples)} of {len(samples)} samples read"
    )


@needs_recordings
def test_every_recorded_stream_is_read_however_it_is_cut(show: Callable[[str], None]) -> None:
    streams = [one for one in _calls() if one.path.endswith("stream")]
    for one in streams:
        splitter = AwsEventSplitter()
        whole = splitter.feed(one.response)
        assert splitter.empty
        by_seven = AwsEventSplitter()
        pieces = [one.response[at : at + 7] for at in range(0, len(one.response), 7)]
        assert [frame for piece in pieces for frame in by_seven.feed(piece)] == whole
        answer, ended = _streamed(whole)
        assert ended, one.name
        assert answer.choices[0].parts, one.name
        assert answer.usage.source == "provider"
    samples = fixtures(lambda one: one.package == "amazon-bedrock" and one.is_stream)
    for sample in samples:
        frames = []
        for line in sample.text.splitlines():
            if line.strip():
                ((kind, value),) = msgspec.json.decode(line).items()
                frames.append(event(kind, value))
        answer, ended = _streamed(frames)
        assert ended, sample.path
        assert answer.choices[0].parts, sample.path
    show(
        f"bedrock: {len(streams)} of {len(streams)} recorded streams and {len(samples)} of {len(samples)} samples read"
    )


@needs_recordings
def test_every_recorded_error_is_read() -> None:
    for one in _calls(400):
        error = DIALECT.decode_error(one.status, one.response)
        assert error.status == 400
        assert error.message == msgspec.json.decode(one.response)["message"]


@needs_recordings
def test_recorded_requests_come_out_as_they_were(show: Callable[[str], None]) -> None:
    done, skipped = 0, 0
    for one in _calls():
        try:
            body = msgspec.json.decode(one.request)
        except msgspec.DecodeError:
            skipped += 1  # cut off when it was recorded
            continue
        losses = Losses()
        written = msgspec.json.decode(
            DIALECT.encode_request(read(body), Recipient(model=_model(one), origin="here"), losses)
        )
        first = body["messages"][0]["role"]
        told = () if first == "user" else ("message.blank",)  # a turn of the user's is put before it
        assert losses.names == told, one.name
        assert _plain(written) == _plain(body), one.name
        assert not problems_of(written), one.name
        done += 1
    show(f"bedrock: {done} recorded requests written again with the same meaning, {skipped} skipped")


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """The request without what IRRELEVANT lists."""
    plain = {name: value for name, value in body.items() if value not in ({}, [])}
    plain.pop("additionalModelResponseFieldPaths", None)
    if "toolConfig" in plain:
        config = dict(plain["toolConfig"])
        if config.get("toolChoice") == {"auto": {}}:
            del config["toolChoice"]
        config["tools"] = [_plain_tool(tool) for tool in config["tools"]]
        plain["toolConfig"] = config
    if "outputConfig" in plain:
        schema = plain["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        plain["outputConfig"] = {**schema, "schema": _closed(msgspec.json.decode(schema["schema"]))}
    if plain["messages"][0] == {"role": "user", "content": [{"text": "."}]}:
        plain["messages"] = plain["messages"][1:]
    for message in plain["messages"]:
        message["content"] = [block for block in message["content"] if block.get("text", "a").strip()]
        if message["role"] == "user":
            message["content"].sort(key=lambda block: "toolResult" not in block)
        for block in message["content"]:
            if "video" in block and block["video"]["format"] == "video/mp4":
                block["video"]["format"] = "mp4"
    return plain


def _plain_tool(tool: dict[str, Any]) -> dict[str, Any]:
    if "toolSpec" not in tool:
        return tool
    return {"toolSpec": {**tool["toolSpec"], "inputSchema": _closed(tool["toolSpec"]["inputSchema"]["json"])}}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if isinstance(schema, dict):
        return {name: _closed(one) for name, one in schema.items() if name != "additionalProperties"}
    return schema


@needs_recordings
def test_usage_is_what_the_price_list_expects(show: Callable[[str], None]) -> None:
    seen = right = 0
    for line in gzip.decompress(PRICES.read_bytes()).splitlines():
        row = msgspec.json.decode(line)
        raw = row["body"].get("usage")
        for expected in row["extracted"]:
            flavours = [(one["provider_id"], one["api_flavor"]) for one in expected["extractors"]]
            if ("aws", "default") not in flavours or "inputTokens" not in (raw or {}):
                continue
            usage = DIALECT.decode_usage(msgspec.json.encode(raw))
            counted = {
                name: count
                for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
                if (count := getattr(usage, name))
            }
            seen += 1
            right += counted == {name: count for name, count in expected["usage"].items() if count}
    show(f"bedrock: {right} of {seen} usages as the price list expects them")
    assert seen
    assert right == seen
