"""What the official SDKs make of what we write: whole answers parsed, streams put together as each SDK does it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from google.genai import types as google
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from freehold.wire.dialect import DialectName
from freehold.wire.sse import data_of

_anthropic_event = TypeAdapter[Any](RawMessageStreamEvent)
_responses_event = TypeAdapter[Any](ResponseStreamEvent)


def parse_answer(dialect: DialectName, body: bytes) -> None:
    """Parse a whole answer strictly. Raises what the SDK's types raise; a warning counts too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if dialect == "gemini":
            google.GenerateContentResponse._from_response(response=json.loads(body), kwargs={})
        else:
            _WHOLE[dialect].model_validate_json(body)


def accumulate(dialect: DialectName, frames: list[bytes]) -> bytes | None:
    """Parse a stream's events strictly and put them together; the answer as JSON, where the SDK makes one.

    Raises what the SDK raises; a warning counts too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = [data_of(frame) for frame in frames]
        pieces = [json.loads(one) for one in data if one is not None and one != b"[DONE]"]
        return _STREAMED[dialect](pieces)


def _chat(pieces: list[Any]) -> bytes:
    state = ChatCompletionStreamState()
    for piece in pieces:
        state.handle_chunk(ChatCompletionChunk.model_validate(piece))
    return _dump(state.current_completion_snapshot)


def _responses(pieces: list[Any]) -> bytes | None:
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=[], text_format=omit)
    for piece in pieces:
        state.handle_event(_responses_event.validate_python(piece))
    completed = state._completed_response
    last = pieces[-1].get("response")
    return json.dumps(last).encode() if completed is None else _dump(completed)


def _anthropic(pieces: list[Any]) -> bytes | None:
    snapshot: Message | None = None
    buffers: dict[int, bytes] = {}
    for piece in pieces:
        snapshot = accumulate_event(
            event=_anthropic_event.validate_python(piece),
            current_snapshot=snapshot,  # type: ignore[arg-type]
            json_bufs=buffers,
        )
    return None if snapshot is None else _dump(snapshot)


def _gemini(pieces: list[Any]) -> None:
    for piece in pieces:
        google.GenerateContentResponse._from_response(response=piece, kwargs={})


def _dump(answer: BaseModel) -> bytes:
    # As a parsed answer is of a narrower type than its fields say, pydantic would warn of every one.
    return answer.model_dump_json(exclude_unset=True, warnings=False).encode()


_WHOLE: dict[str, type[BaseModel]] = {
    "openai-chat": ChatCompletion,
    "openai-responses": Response,
    "anthropic-messages": Message,
}
_STREAMED: dict[str, Callable[[list[Any]], bytes | None]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic-messages": _anthropic,
    "gemini": _gemini,
}
