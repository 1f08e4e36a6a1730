"""The official SDKs as applications use them: one request in, and what the application has in hand afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import anthropic
import httpx2
import openai
from anthropic.lib.streaming._messages import accumulate_event
from google import genai
from google.genai import errors as google_errors
from google.genai import types as google
from msgspec import Struct
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState

LIMIT = 30.0
"""Seconds for one request."""

Plain = dict[str, Any]


class Failure(Struct):
    """The exception that the application catches."""

    kind: str
    """Its class."""
    status: int | None
    message: str
    retry_after: str | None = None


class Said(Struct):
    """What came of one request."""

    answer: Any = None
    """The SDK's object; of a stream, what the SDK gathers from it."""
    dumped: Plain | None = None
    """The same as plain values."""
    failure: Failure | None = None
    headers: dict[str, str] = {}

    @property
    def call(self) -> str | None:
        """Its id in the ledger."""
        return self.headers.get("x-freehold-call")

    @property
    def losses(self) -> tuple[str, ...]:
        """As the header says."""
        told = self.headers.get("x-freehold-losses", "")
        return tuple(told.split(", ")) if told else ()


class Client(Protocol):
    """An SDK, bound to an address and a key."""

    def ask(self, model: str, written: Plain, *, stream: bool) -> Said:
        """One request."""

    def close(self) -> None:
        """Lets go of its connections."""


class _Heard(threading.local):
    """The headers of the last answer, in each thread its own."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}


class _Transport:
    """What all SDKs send with: it remembers the headers of answers."""

    def __init__(self) -> None:
        self._heard = _Heard()
        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16)
        self.http = httpx2.Client(
            timeout=LIMIT, limits=limits, event_hooks={"response": [self._note]}, trust_env=False
        )

    def _note(self, response: httpx2.Response) -> None:
        self._heard.headers = {name.lower(): value for name, value in response.headers.items()}

    def forget(self) -> None:
        self._heard.headers = {}

    @property
    def headers(self) -> dict[str, str]:
        return self._heard.headers


def _dumped(answer: Any) -> Plain:
    found: Plain = answer.model_dump(mode="json", exclude_none=True)
    return found


_FAILURES = (
    openai.OpenAIError,
    anthropic.AnthropicError,
    httpx2.HTTPError,
    RuntimeError,
    Warning,
    AssertionError,
)
"""What an application has to catch; the last three are said by the SDKs of a stream that does not hold together."""


class _Stainless:
    """OpenAI's and Anthropic's SDKs are generated alike."""

    def __init__(self) -> None:
        self.transport = _Transport()

    def close(self) -> None:
        self.transport.http.close()

    def ask(self, model: str, written: Plain, *, stream: bool) -> Said:
        said = Said()
        self.transport.forget()
        try:
            if stream:
                self._streamed(said, model, written)
            else:
                said.answer = self._whole(model, written)
                said.dumped = _dumped(said.answer)
        except _FAILURES as error:
            said.failure = _failure(error)
        said.headers = self.transport.headers
        return said

    def _whole(self, model: str, written: Plain) -> Any:
        raise NotImplementedError

    def _streamed(self, said: Said, model: str, written: Plain) -> None:
        raise NotImplementedError


def _failure(error: Exception) -> Failure:
    response = getattr(error, "response", None)
    message, body = str(error), getattr(error, "body", None)
    if isinstance(body, dict):
        found = body.get("error") if isinstance(body.get("error"), dict) else body
        message = str((found or {}).get("message") or message)
    return Failure(
        type(error).__name__,
        getattr(error, "status_code", None),
        message,
        None if response is None else response.headers.get("retry-after"),
    )


class _OpenAI(_Stainless):
    def __init__(self, url: str, key: str) -> None:
        super().__init__()
        self._sdk: Any = openai.OpenAI(
            base_url=f"{url}/v1",
            api_key=key,
            max_retries=0,
            http_client=self.transport.http,
            _strict_response_validation=True,
        )


class ChatClient(_OpenAI):
    """Chat completions."""

    def _whole(self, model: str, written: Plain) -> Any:
        return self._sdk.chat.completions.create(model=model, **written)

    def _streamed(self, said: Said, model: str, written: Plain) -> None:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
        with self._sdk.chat.completions.create(model=model, **written, **options) as stream:
            for chunk in stream:
                state.handle_chunk(chunk)
                said.answer = state.current_completion_snapshot
        assert said.answer is not None, "an empty stream"
        said.dumped = _dumped(said.answer)
        for choice in said.dumped["choices"]:
            choice["message"].pop("parsed", None)
            for call in choice["message"].get("tool_calls", []):
                call.pop("index", None)
                call["function"].pop("parsed_arguments", None)


_ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesClient(_OpenAI):
    """Responses."""

    def _whole(self, model: str, written: Plain) -> Any:
        return self._sdk.responses.create(model=model, **written)

    def _streamed(self, said: Said, model: str, written: Plain) -> None:
        state: ResponseStreamState[Any] = ResponseStreamState(
            input_tools=written.get("tools", openai.omit), text_format=openai.omit
        )
        told: list[str] = []
        with self._sdk.responses.create(model=model, stream=True, **written) as stream:
            for event in stream:
                if event.type == "error":
                    said.failure = Failure("error event", None, event.message)
                    break
                state.handle_event(event)
                if event.type == "response.output_text.delta":
                    told.append(event.delta)
                if event.type in _ENDS:
                    said.answer = event.response
        if said.answer is None:
            said.failure = said.failure or Failure("no end", None, "the stream ended without a response")
            return
        said.dumped = _dumped(said.answer)
        assert "".join(told) == said.answer.output_text, "the pieces are not the whole"
        if said.answer.status == "failed":
            said.failure = Failure("response.failed", None, said.answer.error.message)


class MessagesClient(_Stainless):
    """Anthropic's messages."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__()
        self._sdk: Any = anthropic.Anthropic(
            base_url=url,
            api_key=key,
            max_retries=0,
            default_headers={"anthropic-version": "2023-06-01"},  # the SDK's own takes no sampling
            http_client=self.transport.http,
            _strict_response_validation=True,
        )

    def _whole(self, model: str, written: Plain) -> Any:
        return self._sdk.messages.create(model=model, **written)

    def _streamed(self, said: Said, model: str, written: Plain) -> None:
        last = ""
        pieces: dict[int, bytes] = {}
        with self._sdk.messages.create(model=model, stream=True, **written) as stream:
            for event in stream:
                last = event.type
                said.answer = accumulate_event(event=event, current_snapshot=said.answer, json_bufs=pieces)
        assert said.answer is not None, "an empty stream"
        if last != "message_stop":
            said.failure = Failure("no end", None, "the stream ended without message_stop")
        said.dumped = _dumped(said.answer)


class GeminiClient:
    """Google's generateContent."""

    def __init__(self, url: str, key: str) -> None:
        self._transport = _Transport()
        options = google.HttpOptions(
            base_url=url, httpx_client=self._transport.http, timeout=int(LIMIT * 1000)
        )
        self._sdk = genai.Client(api_key=key, http_options=options)

    def close(self) -> None:
        """Lets go of its connections."""
        self._sdk.close()
        self._transport.http.close()

    def ask(self, model: str, written: Plain, *, stream: bool) -> Said:
        """One request."""
        said = Said()
        self._transport.forget()
        try:
            if stream:
                said.answer = _gathered(self._sdk.models.generate_content_stream(model=model, **written))
            else:
                said.answer = self._sdk.models.generate_content(model=model, **written)
            said.dumped = _dumped(said.answer)
        except google_errors.APIError as error:
            said.failure = Failure(type(error).__name__, error.code, str(error.message), _delay(error))
        except (httpx2.HTTPError, google_errors.UnknownApiResponseError, ValueError, Warning) as error:
            said.failure = _failure(error)
        said.headers = self._transport.headers
        return said


def _delay(error: google_errors.APIError) -> str | None:
    with suppress(AttributeError, KeyError, TypeError):
        for detail in error.details["error"]["details"]:
            if "retryDelay" in detail:
                return str(detail["retryDelay"]).removesuffix("s")
    return None


def _gathered(chunks: Iterator[google.GenerateContentResponse]) -> google.GenerateContentResponse:
    """The stream as one answer: neighbouring texts joined, the rest in its order, the last word of each field."""
    whole = google.GenerateContentResponse(candidates=[])
    assert whole.candidates is not None
    for chunk in chunks:
        whole.usage_metadata = chunk.usage_metadata or whole.usage_metadata
        whole.model_version = chunk.model_version or whole.model_version
        whole.response_id = chunk.response_id or whole.response_id
        whole.prompt_feedback = chunk.prompt_feedback or whole.prompt_feedback
        for one in chunk.candidates or []:
            at = one.index or 0
            while len(whole.candidates) <= at:
                whole.candidates.append(
                    google.Candidate(index=len(whole.candidates), content=google.Content(parts=[]))
                )
            _join(whole.candidates[at], one)
    return whole


def _join(whole: google.Candidate, piece: google.Candidate) -> None:
    assert whole.content is not None
    assert whole.content.parts is not None
    if piece.content is not None:
        whole.content.role = piece.content.role or whole.content.role
        for part in piece.content.parts or []:
            last = whole.content.parts[-1] if whole.content.parts else None
            if last is not None and _goes_on(last, part):
                last.text = (last.text or "") + (part.text or "")
                last.thought_signature = part.thought_signature
            else:
                whole.content.parts.append(part.model_copy())
    for name in (
        "finish_reason",
        "finish_message",
        "grounding_metadata",
        "citation_metadata",
        "avg_logprobs",
    ):
        value = getattr(piece, name)
        if value is not None:
            setattr(whole, name, value)
    more = piece.logprobs_result
    if more is not None:
        sofar = whole.logprobs_result or google.LogprobsResult(chosen_candidates=[], top_candidates=[])
        whole.logprobs_result = google.LogprobsResult(
            chosen_candidates=[*(sofar.chosen_candidates or []), *(more.chosen_candidates or [])],
            top_candidates=[*(sofar.top_candidates or []), *(more.top_candidates or [])],
        )


def _goes_on(last: google.Part, part: google.Part) -> bool:
    both_text = last.text is not None and part.text is not None
    empty_signed = part.text == "" and part.thought_signature is not None
    return (
        both_text
        and bool(last.thought) == bool(part.thought)
        and last.thought_signature is None
        and not empty_signed
    )


CLIENTS: dict[str, type[ChatClient | ResponsesClient | MessagesClient | GeminiClient]] = {
    "openai-chat": ChatClient,
    "openai-responses": ResponsesClient,
    "anthropic-messages": MessagesClient,
    "gemini": GeminiClient,
}
