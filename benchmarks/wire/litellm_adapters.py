"""LiteLLM's own adapters on the same chunks: run with LiteLLM's Python, asked and answering in lines of JSON.

What is measured is the translation alone, from the text of a chunk to the text for the client: its classes for the
provider's chunks, and its wrappers for clients of other dialects. Its logging, its callbacks, its own stream wrapper
and its HTTP are left out, though every call passes through them; so is what the OpenAI SDK does to a chunk before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from litellm.google_genai.adapters.transformation import GoogleGenAIStreamWrapper
from litellm.llms.anthropic.chat.handler import ModelResponseIterator as AnthropicReader
from litellm.llms.anthropic.pass_through.adapters.streaming_iterator import AnthropicStreamWrapper
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import (
    ModelResponseIterator as GeminiReader,
)
from litellm.types.utils import ModelResponseStream

Chunks = Iterator[Any]


def _read_openai(data: list[str]) -> Chunks:
    for text in data:
        if text != "[DONE]":
            yield ModelResponseStream(**json.loads(text))


def _read_anthropic(data: list[str]) -> Chunks:
    reader = AnthropicReader(streaming_response=None, sync_stream=True)
    return (reader.chunk_parser(json.loads(text)) for text in data)


def _read_gemini(data: list[str]) -> Chunks:
    logging = SimpleNamespace(optional_params={}, model_call_details={})
    reader = GeminiReader(streaming_response=None, sync_stream=True, logging_obj=logging)
    return (reader.chunk_parser(json.loads(text)) for text in data)


def _write_openai(chunks: Chunks) -> Iterator[bytes]:
    for chunk in chunks:
        yield f"data: {chunk.model_dump_json(exclude_none=True)}\n\n".encode()


def _write_anthropic(chunks: Chunks) -> Iterator[bytes]:
    for event in AnthropicStreamWrapper(completion_stream=chunks, model="m"):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _write_gemini(chunks: Chunks) -> Iterator[bytes]:
    for piece in GoogleGenAIStreamWrapper(completion_stream=chunks):
        yield f"data: {json.dumps(piece)}\n\n".encode()


_READERS: dict[str, Callable[[list[str]], Chunks]] = {
    "openai-chat": _read_openai,
    "anthropic-messages": _read_anthropic,
    "gemini": _read_gemini,
}
_WRITERS: dict[str, Callable[[Chunks], Iterator[bytes]]] = {
    "openai-chat": _write_openai,
    "anthropic-messages": _write_anthropic,
    "gemini": _write_gemini,
}


def _translate(source: str, target: str, data: list[str]) -> bytes:
    return b"".join(_WRITERS[target](_READERS[source](data)))


def main() -> None:
    """One line in: source, target, the chunks' data and how often; one line out: seconds of processor time, bytes."""
    for line in sys.stdin:
        asked = json.loads(line)
        written = _translate(asked["source"], asked["target"], asked["data"])
        begun = time.process_time()
        for _ in range(asked["times"]):
            _translate(asked["source"], asked["target"], asked["data"])
        seconds = time.process_time() - begun
        sys.stdout.write(json.dumps({"seconds": seconds, "written": written.decode()}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
