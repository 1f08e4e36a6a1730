"""The dialect `gemini`: generateContent and its stream, countTokens, embedContent, batchEmbedContents."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, arguments_of
from freehold.providers.simulated.dialect import (
    EVENTS,
    JSON,
    Dull,
    Embedding,
    Object,
    Place,
    bearer,
    count_at,
    encode,
    object_at,
    objects_at,
    text_at,
)
from freehold.providers.simulated.dialects import gemini_request as request_form
from freehold.providers.simulated.dialects.gemini_contents import call_content
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.happenings import (
    Answer,
    Finished,
    Happening,
    Text,
    Thinking,
    ToolOpened,
    ToolPiece,
    thoughts,
    tokens_in,
)
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply, whole
from freehold.providers.simulated.script import Citation, UsageNumbers
from freehold.providers.simulated.turns import Turn
from freehold.providers.simulated.words import alternatives, logprob_of, tokens_of

_REASONS = {
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "context": "MAX_TOKENS",
    **dict.fromkeys(("stop", "tool_calls", "stop_sequence", "pause"), "STOP"),
}
_USUAL = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "API key not valid. Please pass a valid API key."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    408: ("DEADLINE_EXCEEDED", "The request took too long."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    499: ("CANCELLED", "The request was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The deadline expired before the operation could complete."),
}


class Gemini(Dull):
    """`POST /v1beta/models/{model}:…`, and the same under Vertex AI's paths."""

    name = "gemini"

    def key_of(self, request: ReceivedRequest) -> str | None:
        """`x-goog-api-key`, `?key=`, or a bearer token."""
        asked = parse_qs(request.target.partition("?")[2]).get("key", [None])[0]
        return request.header("x-goog-api-key") or asked or bearer(request)

    def stream_type(self, request: ReceivedRequest) -> str:
        """Server-sent events when they are asked for; else one long JSON array."""
        return EVENTS if _as_events(request) else JSON

    def error(self, error: Refused) -> Reply:
        """An error answer: google.rpc.Status, with the delay inside."""
        body = _error(error.status, error.message, error.type, error.retry_after)
        reply = whole(error.status, JSON, body if error.body is None else error.body.encode())
        reply.headers.extend(error.headers.items())
        return reply

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return _error(500, error.message, error.type, None)

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        return b"data: " + self.error_body(error).replace(b"\n", b"") + b"\r\n\r\n"

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        return request_form.read(body, place, account, counting=place.action == "count")

    def count(self, tokens: int) -> bytes:
        """The answer of `countTokens`."""
        details = [{"modality": "TEXT", "tokenCount": tokens}]
        return encode({"totalTokens": tokens, "promptTokensDetails": details})

    def models(self, names: Iterable[str], one: str | None) -> bytes:
        """The answer of `GET /v1beta/models` and of `GET /v1beta/models/{model}`."""
        return encode(_model(one) if one is not None else {"models": [_model(name) for name in names]})

    def embedding(self, body: Object, place: Place) -> Embedding:
        """What `embedContent` or `batchEmbedContents` asks for. Raises Refusal."""
        body = request_form.camel(body)
        batch = "requests" in body
        requests = objects_at(body, "requests") if batch else [body]
        texts = [
            "".join(text_at(part, "text") for part in objects_at(object_at(one, "content"), "parts"))
            for one in requests
        ]
        config = object_at(requests[0], "embedContentConfig") if requests else {}
        dimensions = count_at({**config, **requests[0]}, "outputDimensionality") if requests else None
        return Embedding(place.model or "", texts, dimensions, "batch" if batch else "one")

    def vectors(
        self, wanted: Embedding, vectors: list[array[float]], tokens: int | None, turn: Turn
    ) -> bytes:
        """Its answer."""
        values = [{"values": vector.tolist()} for vector in vectors]
        answer: Object = {"embeddings": values} if wanted.form == "batch" else {"embedding": values[0]}
        if tokens is not None:
            answer["usageMetadata"] = {"promptTokenCount": tokens}
        return encode(answer)

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""
        reasoning = turn.behaviour.reasoning
        parts: list[Object] = []
        if reasoning is not None and ask.shows_thoughts and thoughts(reasoning) and not _hidden(turn):
            parts.append({"text": thoughts(reasoning), "thought": True})
        if answer.text:
            parts.append({"text": answer.text} | _signature(ask, turn, "text", answer.text))
        if signature := _signature(ask, turn, "empty", answer.text):
            parts.append({"text": ""} | signature)
        parts += [_call(ask, turn, index, call) for index, call in enumerate(answer.calls)]
        extra = _grounding(turn.behaviour.citations, answer.text) | _logprobs(ask, answer.text)
        return encode(_chunk(ask, turn, parts, answer.end, extra))

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream of answers in pieces; a call comes whole, in one of them."""
        as_events, count = _as_events(seen), 0
        for chunk in _chunks(ask, turn, happenings, seen):
            if isinstance(chunk, float):
                yield chunk
                continue
            seen.chunks += 1
            yield b"data: " + chunk + b"\r\n\r\n" if as_events else (b",\r\n" if count else b"[") + chunk
            count += 1
        if not as_events:
            yield b"]"


def _chunks(
    ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
) -> Iterator[bytes | float]:
    said: list[str] = []
    held, call, arguments = "", None, ""
    signs_text = bool(_signature(ask, turn, "text", ""))
    for one in happenings:
        if isinstance(one, float):
            yield one
            continue
        seen.tokens += tokens_in(one)
        if call is not None and not isinstance(one, ToolPiece):
            part = _call(ask, turn, call.index, (call.id, call.name, arguments))
            yield encode(_chunk(ask, turn, [part], None, {}))
            call, arguments = None, ""
        if held and not isinstance(one, Finished | ToolOpened):
            yield encode(_chunk(ask, turn, [{"text": held}], None, _logprobs(ask, held)))
            held = ""
        match one:
            case Thinking(shown=piece) if piece and ask.shows_thoughts and not _hidden(turn):
                yield encode(_chunk(ask, turn, [{"text": piece, "thought": True}], None, {}))
            case Text(piece=piece):
                said.append(piece)
                if signs_text:  # the last piece waits for its signature
                    held = piece
                else:
                    yield encode(_chunk(ask, turn, [{"text": piece}], None, _logprobs(ask, piece)))
            case ToolOpened():
                if held:
                    parts = _last_text(ask, turn, held, "".join(said))
                    yield encode(_chunk(ask, turn, parts, None, _logprobs(ask, held)))
                    held = ""
                call = one
            case ToolPiece(arguments=piece):
                arguments += piece
            case Finished():
                text = "".join(said)
                parts = _last_text(ask, turn, held, text)
                extra = _grounding(turn.behaviour.citations, text) | _logprobs(ask, held)
                yield encode(_chunk(ask, turn, parts, one, extra))


def _hidden(turn: Turn) -> bool:
    return turn.behaviour.reasoning is not None and turn.behaviour.reasoning.state == "redacted"


def _last_text(ask: Ask, turn: Turn, held: str, text: str) -> list[Object]:
    parts: list[Object] = [{"text": held} | _signature(ask, turn, "text", text)] if held else []
    if signature := _signature(ask, turn, "empty", text):
        parts.append({"text": ""} | signature)
    return parts


def _signature(ask: Ask, turn: Turn, place: str, text: str) -> Object:
    """The signature, if it sits at `place`."""
    reasoning = turn.behaviour.reasoning
    if reasoning is None or reasoning.state == "none":
        return {}
    sits = reasoning.sits or ("call" if turn.behaviour.tool_calls else "text")
    return {"thoughtSignature": ask.account.sign(f"{place}:{text}")} if sits == place else {}


def _call(ask: Ask, turn: Turn, index: int, call: tuple[str, str, str]) -> Object:
    identifier, name, arguments = call
    found = arguments_of(arguments)
    found = {"INVALID_JSON": arguments} if set(found) == {"invalid"} else found
    part: Object = {"functionCall": {"name": name, "args": found}}
    scripted = turn.behaviour.tool_calls
    if index < len(scripted) and scripted[index].id is not None:
        part["functionCall"]["id"] = identifier
    if index == 0 and _signature(ask, turn, "call", ""):
        content = call_content(name, found)
        part["thoughtSignature"] = ask.account.sign(content)
        ask.account.remember(content)
    return part


def _chunk(ask: Ask, turn: Turn, parts: list[Object], end: Finished | None, extra: Object) -> Object:
    candidates: list[Object] = []
    for index in range(ask.n):
        candidate: Object = {"content": {"parts": parts, "role": "model"}, "index": index, **extra}
        if not parts:
            candidate["content"] = {"parts": [{"text": ""}], "role": "model"}
        if end is not None:
            candidate["finishReason"] = _REASONS.get(end.reason, end.reason)
        candidates.append(candidate)
    chunk: Object = {"candidates": candidates, "modelVersion": ask.model, "responseId": turn.identifier}
    if end is not None and end.usage is not None:
        chunk["usageMetadata"] = _usage(end.usage)
    return chunk


def _grounding(citations: tuple[Citation, ...], text: str) -> Object:
    if not citations:
        return {}
    supports = []
    for index, one in enumerate(citations):
        end = len(text) if one.end is None else one.end
        # Google counts bytes.
        first, last = len(text[: one.start].encode()), len(text[:end].encode())
        segment = {"startIndex": first, "endIndex": last, "text": text[one.start : end]}
        supports.append({"segment": segment, "groundingChunkIndices": [index]})
    chunks = [{"web": {"uri": one.url or "", "title": one.title}} for one in citations]
    return {"groundingMetadata": {"groundingChunks": chunks, "groundingSupports": supports}}


def _logprobs(ask: Ask, text: str) -> Object:
    if ask.logprobs is None or not text:
        return {}
    tokens = tokens_of(text)
    chosen = [{"token": token, "logProbability": logprob_of(token)} for token in tokens]
    top = [
        {
            "candidates": [
                {"token": word, "logProbability": value} for word, value in alternatives(token, ask.logprobs)
            ]
        }
        for token in tokens
    ]
    return {"logprobsResult": {"chosenCandidates": chosen, "topCandidates": top}}


def _usage(usage: UsageNumbers) -> Object:
    """Here the thoughts are not among the tokens of the candidates."""
    read, thought = usage.input_tokens or 0, usage.reasoning_tokens or 0
    written = max((usage.output_tokens or 0) - thought, 0)
    found: Object = {"promptTokenCount": read, "candidatesTokenCount": written}
    found["totalTokenCount"] = read + written + thought
    found["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": read}]
    if thought:
        found["thoughtsTokenCount"] = thought
    if usage.cache_read_tokens:
        found["cachedContentTokenCount"] = usage.cache_read_tokens
    return found


def _error(status: int, message: str | None, kind: str | None, retry_after: str | None) -> bytes:
    usual = _USUAL.get(status) or _USUAL[500 if status >= 500 else 400]
    error: Object = {"code": status, "message": message or usual[1], "status": kind or usual[0]}
    if retry_after is not None:
        delay = f"{retry_after}s" if re.fullmatch(r"[\d.]+", retry_after) else retry_after
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    return json.dumps({"error": error}, indent=2, ensure_ascii=False).encode()


def _model(name: str) -> Object:
    methods = ["generateContent", "countTokens", "embedContent"]
    limits = {"inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536}
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods, **limits}


def _as_events(request: ReceivedRequest) -> bool:
    return "sse" in parse_qs(request.target.partition("?")[2]).get("alt", [])
