"""What is sent and what the mock answers: about 1 KB each way, or a stream of 100 events."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

MODEL = "mock-gpt"
MARK = b"mock00000000"
"""Where the mock writes the number of the call into each answer."""
EVENTS = 100
"""Events of a stream before `[DONE]`."""
PROMPT_TOKENS, COMPLETION_TOKENS = 190, 130

_TEXT = (
    "The quick measurement of a gateway needs a body of about one kilobyte, so this "
    "sentence is repeated until it is long enough. "
) * 8
_USAGE = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": COMPLETION_TOKENS,
    "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 0},
}


class Target(msgspec.Struct, frozen=True):
    """Where requests go, and how they name things."""

    url: str
    key: str
    model: str = MODEL
    headers: dict[str, str] = {}

    @property
    def port(self) -> int:
        """The port on the loopback address."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def body(self, *, streamed: bool) -> bytes:
        """The JSON of a request. The usage of a stream is asked for, as whoever counts tokens must."""
        return msgspec.json.encode(
            {
                "model": self.model,
                "messages": [
                    {"role": "system", "content": "You are a terse assistant."},
                    {"role": "user", "content": _TEXT[:780]},
                ],
                "temperature": 0.7,
                "max_tokens": 256,
                "user": "bench",
                **({"stream": True, "stream_options": {"include_usage": True}} if streamed else {}),
            }
        )

    def all_headers(self) -> dict[str, str]:
        """The headers of a request but for host and length."""
        return {"content-type": "application/json", "authorization": f"Bearer {self.key}", **self.headers}

    def request(self, *, streamed: bool) -> bytes:
        """A whole HTTP/1.1 request."""
        body = self.body(streamed=streamed)
        lines = [
            f"POST {urlsplit(self.url).path} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            *(f"{name}: {value}" for name, value in self.all_headers().items()),
            f"content-length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _whole_answer() -> bytes:
    message = {"role": "assistant", "content": _TEXT[:690], "refusal": None}
    return msgspec.json.encode(
        {
            "id": f"chatcmpl-{MARK.decode()}",
            "object": "chat.completion",
            "created": 1760000000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": _USAGE,
            "system_fingerprint": "fp_mock",
        }
    )


def _event(number: int) -> bytes:
    delta: dict[str, str] = {"content": f" token{number:02}"}
    if number == 0:
        delta = {"role": "assistant", "content": ""}
    finished = number == EVENTS - 2
    choice = {
        "index": 0,
        "delta": {} if finished else delta,
        "logprobs": None,
        "finish_reason": "stop" if finished else None,
    }
    last = number == EVENTS - 1
    event = {
        "id": f"chatcmpl-{MARK.decode()}",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": MODEL,
        "system_fingerprint": "fp_mock",
        "choices": [] if last else [choice],
        "usage": _USAGE if last else None,
    }
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


WHOLE_ANSWER = _whole_answer()
STREAMED_ANSWER = b"".join(map(_event, range(EVENTS))) + b"data: [DONE]\n\n"


def write_answers(folder: Path) -> tuple[Path, Path]:
    """Write what the mock answers: the whole answer and the stream."""
    folder.mkdir(parents=True, exist_ok=True)
    whole, streamed = folder / "answer.json", folder / "answer.sse"
    whole.write_bytes(WHOLE_ANSWER)
    streamed.write_bytes(STREAMED_ANSWER)
    return whole, streamed
