"""Real answers of many providers, where a recording of them is at hand.

The recordings are not part of the project. Name their file in FREEHOLD_RECORDED_EXCHANGES: gzipped,
one exchange a line, as JSON with `uri`, `status`, `content_type`, `request_body` and `response_body`.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stream_samples import cut

from freehold.wire.openai_answer import read_chat_answer, read_embeddings_answer
from freehold.wire.openai_stream import ChatStream
from freehold.wire.request import read_chat_request, read_embeddings_request

ELSEWHERE = Path(__file__).parents[3] / "shared/data/wire/pydantic-ai/interactions.jsonl.gz"
RECORDED = Path(os.environ.get("FREEHOLD_RECORDED_EXCHANGES", ELSEWHERE))

pytestmark = pytest.mark.skipif(not RECORDED.is_file(), reason="the recordings are not here")

Exchange = dict[str, Any]


def exchanges() -> Iterator[Exchange]:
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        for line in lines:
            exchange: Exchange = json.loads(line)
            path = exchange["uri"].partition("?")[0].partition("#")[0]
            if path.endswith(("/chat/completions", "/v1/embeddings")) and exchange["status"] == 200:
                yield {**exchange, "chat": path.endswith("/chat/completions")}


def is_stream(exchange: Exchange) -> bool:
    return "event-stream" in exchange["content_type"]


def told_usage(body: str) -> bool:
    """Whether there is a count in the answer, however it is written."""
    return any(f'"{name}":' in body.replace(" ", "") for name in ("prompt_tokens", "total_tokens"))


def test_every_recorded_whole_answer_is_read() -> None:
    total = 0
    for exchange in exchanges():
        if is_stream(exchange):
            continue
        total += 1
        body: str = exchange["response_body"]
        facts = (read_chat_answer if exchange["chat"] else read_embeddings_answer)(body.encode())
        told = json.loads(body)
        where = exchange["file"]
        assert facts.model == told["model"], where
        assert (facts.usage.source == "provider") is told_usage(body), where
        if exchange["chat"]:
            assert facts.stop_reason == told["choices"][0]["finish_reason"], where
            _check_counts(told["usage"], facts.usage.input_tokens, facts.usage.output_tokens, where)
    print(f"{total} of {total} whole answers read")  # noqa: T201 - shown by pytest -s
    assert total


def _check_counts(told: Exchange, read: int | None, written: int | None, where: str) -> None:
    assert read == told["prompt_tokens"], where
    assert read is not None
    assert written is not None
    assert read + written == told["total_tokens"], where


def test_every_recorded_stream_is_passed_on_and_read() -> None:
    total = errors = 0
    for exchange in exchanges():
        if not is_stream(exchange):
            continue
        total += 1
        body = exchange["response_body"].encode()
        where = exchange["file"]
        seen = set()
        for pieces in (
            [body],
            list(cut(body, list(range(0, len(body), 1000)))),
            body.splitlines(keepends=True),
        ):
            stream = ChatStream(hide_usage=False)
            shown = b"".join([stream.feed(piece) for piece in pieces]) + stream.finish()
            seen.add((shown, stream.deltas, str(stream.facts)))
        assert len(seen) == 1, where
        assert stream.started, where
        assert stream.facts.model, where
        if stream.error is not None:
            errors += 1
            assert body.startswith(shown), where
            continue
        assert shown == body, where
        assert stream.complete, where
        assert (stream.facts.usage.source == "provider") is told_usage(exchange["response_body"]), where
    print(f"{total} of {total} streams read, {errors} of them ended by an error event")  # noqa: T201 - shown by pytest -s
    assert total


def test_every_recorded_request_is_understood() -> None:
    total = 0
    for exchange in exchanges():
        if not exchange["request_body"]:
            continue
        total += 1
        body = exchange["request_body"].encode()
        request = (read_chat_request if exchange["chat"] else read_embeddings_request)(body)
        told = json.loads(body)
        assert request.model == told["model"]
        assert request.stream == bool(told.get("stream"))
        sent = json.loads(request.for_provider("m", ask_for_usage=False))
        assert sent == {**told, "model": "m"}
    print(f"{total} of {total} requests understood")  # noqa: T201 - shown by pytest -s
    assert total
