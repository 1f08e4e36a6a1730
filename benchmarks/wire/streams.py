"""One answer as each provider streams it: some words, two calls of a tool at once, why it stopped, and the usage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from freehold.wire.dialect import DialectName

from ..reality.aws_frames import aws_frame

CHUNKS = 100
Json = dict[str, Any]
_WORDS = ("I", " will", " look", " up", " the", " weather", " in", " Paris", " and", " “São", " Paulo”", ".")
_ARGUMENTS = ('{"', "city", '":', ' "', "Par", "is", '",', ' "', "unit", '":', ' "', "cel", "sius", '"', "}")
_IN_CALLS = 2 * len(_ARGUMENTS)
_MODEL = "model-1-2026-08"
_TOOL = "get_weather"


def streams() -> dict[DialectName, list[bytes]]:
    """The frames of each provider's dialect."""
    return {
        "openai-chat": [*(b"data: " + _dump(one) for one in _openai_chat()), b"data: [DONE]"],
        "openai-responses": _named(_responses()),
        "anthropic-messages": _named(_anthropic()),
        "gemini": [b"data: " + _dump(one) for one in _gemini()],
        "bedrock-converse": [aws_frame(kind, _dump(value)) for kind, value in _bedrock()],
        "cohere": _named(_cohere()),
    }


def _texts(count: int) -> list[str]:
    return [_WORDS[at % len(_WORDS)] for at in range(count)]


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _named(pieces: Iterator[Json]) -> list[bytes]:
    return [b"event: " + str(one["type"]).encode() + b"\ndata: " + _dump(one) for one in pieces]


def _openai_chat() -> Iterator[Json]:
    head = {
        "id": "chatcmpl-BxYz0123456789abcdefghijkl",
        "object": "chat.completion.chunk",
        "created": 1_786_000_000,
        "model": _MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }

    def chunk(delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], "usage": None}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for text in _texts(CHUNKS - 5 - _IN_CALLS):
        yield chunk({"content": text})
    for call in range(2):
        begun = {"index": call, "id": f"call_{call}abc", "type": "function"}
        yield chunk({"tool_calls": [{**begun, "function": {"name": _TOOL, "arguments": ""}}]})
        for piece in _ARGUMENTS:
            yield chunk({"tool_calls": [{"index": call, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls")
    usage = {
        "prompt_tokens": 310,
        "completion_tokens": 96,
        "total_tokens": 406,
        "prompt_tokens_details": {"cached_tokens": 256, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    yield {**head, "choices": [], "usage": usage}


def _responses() -> Iterator[Json]:
    for number, event in enumerate(_response_events()):
        yield {"type": event.pop("type"), "sequence_number": number, **event}


def _event(kind: str, **fields: Any) -> Json:
    return {"type": f"response.{kind}", **fields}


def _response_events() -> Iterator[Json]:
    response = {"id": "resp_0123", "object": "response", "created_at": 1_786_000_000, "model": _MODEL}
    yield _event("created", response={**response, "status": "in_progress", "output": []})
    message = {"id": "msg_1", "type": "message", "role": "assistant"}
    begun = {**message, "status": "in_progress", "content": []}
    yield _event("output_item.added", output_index=0, item=begun)
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    yield _event("content_part.added", **at, part=empty)
    words = _texts(CHUNKS - 13 - _IN_CALLS)
    for text in words:
        yield _event("output_text.delta", **at, delta=text, logprobs=[], obfuscation="x8Jq2")
    whole = {**empty, "text": "".join(words)}
    yield _event("output_text.done", **at, text=whole["text"], logprobs=[])
    yield _event("content_part.done", **at, part=whole)
    output: list[Json] = [{**message, "status": "completed", "content": [whole]}]
    yield _event("output_item.done", output_index=0, item=output[0])
    for call in range(2):
        item = {"id": f"fc_{call}", "type": "function_call", "call_id": f"call_{call}", "name": _TOOL}
        place = {"item_id": item["id"], "output_index": 1 + call}
        begun = {**item, "status": "in_progress", "arguments": ""}
        yield _event("output_item.added", output_index=1 + call, item=begun)
        for piece in _ARGUMENTS:
            yield _event("function_call_arguments.delta", **place, delta=piece, obfuscation="a0")
        arguments = "".join(_ARGUMENTS)
        yield _event("function_call_arguments.done", **place, arguments=arguments)
        output.append({**item, "status": "completed", "arguments": arguments})
        yield _event("output_item.done", output_index=1 + call, item=output[-1])
    usage = {
        "input_tokens": 310,
        "input_tokens_details": {"cached_tokens": 256},
        "output_tokens": 96,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 406,
    }
    done = {**response, "status": "completed", "output": output, "usage": usage}
    yield _event("completed", response=done)


def _anthropic() -> Iterator[Json]:
    usage = {"input_tokens": 54, "cache_read_input_tokens": 256, "cache_creation_input_tokens": 0}
    message: Json = {"id": "msg_01", "type": "message", "role": "assistant", "model": _MODEL, "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": message}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for text in _texts(CHUNKS - 9 - _IN_CALLS):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    yield {"type": "content_block_stop", "index": 0}
    for call in (1, 2):
        block = {"type": "tool_use", "id": f"toolu_0{call}", "name": _TOOL, "input": {}}
        yield {"type": "content_block_start", "index": call, "content_block": block}
        for piece in _ARGUMENTS:
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield {"type": "content_block_delta", "index": call, "delta": delta}
        yield {"type": "content_block_stop", "index": call}
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {**usage, "output_tokens": 96}}
    yield {"type": "message_stop"}


def _gemini() -> Iterator[Json]:
    usage = {"promptTokenCount": 310, "candidatesTokenCount": 96, "totalTokenCount": 406}
    tail = {"usageMetadata": usage, "modelVersion": _MODEL, "responseId": "aBcDeF0123456789"}

    def piece(part: Json, **fields: Any) -> Json:
        content = {"parts": [part], "role": "model"}
        return {"candidates": [{"content": content, "index": 0, **fields}], **tail}

    for text in _texts(CHUNKS - 3):
        yield piece({"text": text})
    for city in ("Paris", "São Paulo"):
        yield piece({"functionCall": {"name": _TOOL, "args": {"city": city, "unit": "celsius"}}})
    yield piece({"text": ""}, finishReason="STOP")


def _bedrock() -> Iterator[tuple[str, Json]]:
    yield "messageStart", {"role": "assistant", "p": "abc"}
    for text in _texts(CHUNKS - 8 - _IN_CALLS):
        yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcdefgh"}
    yield "contentBlockStop", {"contentBlockIndex": 0, "p": "abc"}
    for call in (1, 2):
        start = {"toolUse": {"toolUseId": f"tooluse_{call}", "name": _TOOL}}
        yield "contentBlockStart", {"contentBlockIndex": call, "start": start, "p": "abc"}
        for piece in _ARGUMENTS:
            delta = {"toolUse": {"input": piece}}
            yield "contentBlockDelta", {"contentBlockIndex": call, "delta": delta, "p": "abcdefg"}
        yield "contentBlockStop", {"contentBlockIndex": call, "p": "abc"}
    yield "messageStop", {"stopReason": "tool_use", "p": "abcd"}
    usage = {"inputTokens": 310, "outputTokens": 96, "totalTokens": 406}
    yield "metadata", {"usage": usage, "metrics": {"latencyMs": 1200}, "p": "abc"}


def _cohere() -> Iterator[Json]:
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield {"id": "0123-4567", "type": "message-start", "delta": {"message": message}}
    started = {"message": {"content": {"type": "text", "text": ""}}}
    yield {"type": "content-start", "index": 0, "delta": started}
    for text in _texts(CHUNKS - 8 - _IN_CALLS):
        yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}}
    yield {"type": "content-end", "index": 0}
    for call in range(2):
        function = {"name": _TOOL, "arguments": ""}
        held = {"id": f"{_TOOL}_{call}", "type": "function", "function": function}
        yield {"type": "tool-call-start", "index": call, "delta": {"message": {"tool_calls": held}}}
        for piece in _ARGUMENTS:
            more = {"function": {"arguments": piece}}
            yield {"type": "tool-call-delta", "index": call, "delta": {"message": {"tool_calls": more}}}
        yield {"type": "tool-call-end", "index": call}
    billed = {"input_tokens": 300, "output_tokens": 90}
    usage = {"billed_units": billed, "tokens": {"input_tokens": 310, "output_tokens": 96}}
    yield {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": usage}}
