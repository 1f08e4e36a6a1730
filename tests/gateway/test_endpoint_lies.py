"""Answers whose bytes are not what they are said to be: none reaches a client, and no word is lost in silence."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from running_endpoint import RunningEndpoint

HALF = "é".encode()[:1]
MESSAGE: dict[str, Any] = {"role": "assistant", "content": "good HALF"}
CALL: dict[str, Any] = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"x": "HALF"}'}}
EMPTY: dict[str, Any] = {"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}
MEGABYTE: dict[str, Any] = {"index": 0, "function": {"arguments": "y" * (1 << 20)}}


def whole(message: dict[str, Any]) -> bytes:
    answer = {"id": "a", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return json.dumps(answer).encode().replace(b"HALF", HALF)


def event(delta: dict[str, Any], stop: str | None = None) -> bytes:
    chunk = {"id": "a", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]}
    return b"data: " + json.dumps(chunk).encode().replace(b"HALF", HALF) + b"\n\n"


def stream(*deltas: dict[str, Any]) -> bytes:
    return b"".join(map(event, deltas)) + event({}, "stop") + b"data: [DONE]\n\n"


ANSWERS = {
    "text": whole(MESSAGE),
    "call": whole({"role": "assistant", "content": None, "tool_calls": [CALL]}),
    "embedding": b'{"data": [{"embedding": [1.0], "x": "' + HALF + b'"}]}',
    "streamed-text": stream({"content": "good HALF"}),
    "streamed-call": stream({"tool_calls": [CALL]}),
    "streamed-late": stream({"content": "a"}, {"content": "b"}, {"content": "c HALF"}),
    "marked": b"\xef\xbb\xbf" + stream({"content": "first"}, {"content": " second"}),
    "large-call": event({"tool_calls": [EMPTY]}) + 40 * event({"tool_calls": [MEGABYTE]}),
    "good": whole({"role": "assistant", "content": "é"}),
}


class Liar(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = ANSWERS[asked["model"]]
        kind = "text/event-stream" if asked.get("stream") else "application/json"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        toml = f"""
[local]
enabled = false
[providers.liar]
base_url = "http://127.0.0.1:{server.server_port}/v1"
[routes.careful]
incumbent = "liar/text"
fallbacks = ["liar/good"]
"""
        try:
            with RunningEndpoint(tmp_path_factory.mktemp("lies"), toml) as running:
                yield running
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("model", ["text", "call"])
def test_whole_answers_that_are_not_utf8(endpoint: RunningEndpoint, model: str) -> None:
    with endpoint.connect() as client:
        answer = client.chat(f"liar/{model}")
    assert (answer.status, answer.error["code"]) == (502, "provider_broken")
    assert "UTF-8" in answer.error["message"]


def test_embeddings_that_are_not_utf8(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post("/v1/embeddings", {"model": "liar/embedding", "input": "x"})
    assert (answer.status, answer.error["code"]) == (502, "provider_broken")


def test_another_model_takes_over(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.chat("careful")
    assert answer.json()["choices"][0]["message"]["content"] == "é"


@pytest.mark.parametrize("model", ["streamed-text", "streamed-call", "streamed-late"])
def test_streams_that_are_not_utf8(endpoint: RunningEndpoint, model: str) -> None:
    with endpoint.connect() as client:
        answer = client.chat(f"liar/{model}", stream=True)
    assert b"UTF-8" in answer.body
    assert b"[DONE]" not in answer.body
    answer.body.decode()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_stream_that_begins_with_a_mark(endpoint: RunningEndpoint, path: str) -> None:
    asked = {"model": "liar/marked", "stream": True, "max_tokens": 9}
    with endpoint.connect() as client:
        answer = client.post(path, {**asked, "messages": [{"role": "user", "content": "x"}]})
    assert re.findall(rb'"(?:content|text)":\s*"([^"]+)"', answer.body) == [b"first", b" second"]


def test_a_call_that_does_not_end_is_not_held_for_ever(endpoint: RunningEndpoint) -> None:
    """Gemini's clients get calls whole, so one is held until its end."""
    asked = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    with endpoint.connect() as client:
        answer = client.post("/v1beta/models/liar/large-call:streamGenerateContent?alt=sse", asked)
    assert b"33554432 bytes" in answer.body
    assert len(answer.body) < 10_000
