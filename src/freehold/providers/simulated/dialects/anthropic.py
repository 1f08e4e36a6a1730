"""The dialect `anthropic-messages`: `POST /v1/messages`, whole and as an event stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, arguments_of
from freehold.providers.simulated.dialect import JSON, Dull, Object, Place, bearer, encode, event, wrong
from freehold.providers.simulated.dialects import anthropic_request as request_form
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.happenings import (
    Answer,
    Declined,
    Finished,
    Happening,
    Text,
    Thinking,
    Thoughtful,
    ToolOpened,
    ToolPiece,
    thoughts,
    tokens_in,
)
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply, whole
from freehold.providers.simulated.script import Citation, UsageNumbers
from freehold.providers.simulated.turns import Turn

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
    "context": "model_context_window_exceeded",
}
_USUAL = {
    400: ("invalid_request_error", "The request is malformed."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low."),
    403: ("permission_error", "The key is not allowed to do this."),
    404: ("not_found_error", "There is no such thing here."),
    405: ("invalid_request_error", "Method Not Allowed"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out."),
    529: ("overloaded_error", "Overloaded"),
}


class AnthropicMessages(Dull):
    """`POST /v1/messages`, and what stands beside it."""

    name = "anthropic-messages"
    identified_by = "request-id"

    def key_of(self, request: ReceivedRequest) -> str | None:
        """`x-api-key`, or a bearer token."""
        return request.header("x-api-key") or bearer(request)

    def error(self, error: Refused) -> Reply:
        """An error answer."""
        usual = _USUAL.get(error.status) or _USUAL[500 if error.status >= 500 else 400]
        body = _error(error.type or usual[0], error.message or usual[1])
        reply = whole(error.status, JSON, body if error.body is None else error.body.encode())
        if error.retry_after is not None:
            reply.headers.append(("retry-after", error.retry_after))
        reply.headers.extend(error.headers.items())
        return reply

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return _error(error.type or "api_error", error.message)

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        return b"event: error\ndata: " + self.error_body(error) + b"\n\n"

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        version = request.header("anthropic-version")
        if version is None:
            raise wrong("anthropic-version: header is required")
        return request_form.read(body, account, counting=place.action == "count", version=version)

    def count(self, tokens: int) -> bytes:
        """The answer of `POST /v1/messages/count_tokens`."""
        return encode({"input_tokens": tokens})

    def models(self, names: Iterable[str], one: str | None) -> bytes:
        """The answer of `GET /v1/models` and of `GET /v1/models/{model}`."""
        if one is not None:
            return encode(_model(one))
        data = [_model(name) for name in names]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return encode({"data": data, "has_more": False, "first_id": first, "last_id": last})

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""
        blocks: list[Object] = []
        if turn.behaviour.reasoning is not None:
            blocks.append(_thinking_block(ask, turn))
        text = answer.text or answer.refusal
        if text:
            block: Object = {"type": "text", "text": text}
            if turn.behaviour.citations:
                block["citations"] = [_citation(one) for one in turn.behaviour.citations]
            blocks.append(block)
        blocks += [
            {"type": "tool_use", "id": identifier, "name": name, "input": _input(arguments)}
            for identifier, name, arguments in answer.calls
        ]
        message = _message(ask, turn, answer.end.usage)
        return encode(message | {"content": blocks} | _end(answer.end))

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream: the message, for each block its start, pieces and stop, then the end."""
        opened, index, kind = False, -1, None
        for one in happenings:
            if isinstance(one, float):
                yield one
                continue
            if not opened:
                opened = True
                seen.chunks += 2
                start = _usage_so_far(ask, turn)
                yield event("message_start", {"type": "message_start", "message": _message(ask, turn, start)})
                yield event("ping", {"type": "ping"})
            seen.tokens += tokens_in(one)
            block = _block_of(one, ask, turn)
            if kind is not None and (block is None or block["type"] != kind or isinstance(one, ToolOpened)):
                for citation in turn.behaviour.citations if kind == "text" else ():
                    seen.chunks += 1
                    yield _delta(index, "citations_delta", "citation", _citation(citation))
                seen.chunks += 1
                yield event("content_block_stop", {"type": "content_block_stop", "index": index})
                kind = None
            if kind is None and block is not None:
                index, kind = index + 1, block["type"]
                seen.chunks += 1
                yield event(
                    "content_block_start",
                    {"type": "content_block_start", "index": index, "content_block": block},
                )
            seen.chunks += 1
            match one:
                case Thinking(shown=piece) if kind == "thinking":
                    yield _delta(index, "thinking_delta", "thinking", piece)
                case Thoughtful() if kind == "thinking":
                    yield _delta(
                        index, "signature_delta", "signature", _thinking_block(ask, turn)["signature"]
                    )
                case Text(piece=piece) | Declined(piece=piece):
                    yield _delta(index, "text_delta", "text", piece)
                case ToolOpened():
                    yield _delta(index, "input_json_delta", "partial_json", "")
                case ToolPiece(arguments=arguments):
                    yield _delta(index, "input_json_delta", "partial_json", arguments)
                case Finished():
                    usage_now = {"output_tokens": 0} if one.usage is None else _usage(one.usage)
                    delta = {"type": "message_delta", "delta": _end(one), "usage": usage_now}
                    yield event("message_delta", delta)
                    yield event("message_stop", {"type": "message_stop"})


def _usage_so_far(ask: Ask, turn: Turn) -> UsageNumbers | None:
    """What a stream says of usage at its start."""
    wanted = turn.behaviour.usage
    if wanted == "missing":
        return None
    if isinstance(wanted, str):
        return UsageNumbers(ask.input_tokens(), 1)
    read = ask.input_tokens() if wanted.input_tokens is None else wanted.input_tokens
    return UsageNumbers(read, 1, wanted.cache_read_tokens, wanted.cache_write_tokens)


def _block_of(one: Happening, ask: Ask, turn: Turn) -> Object | None:
    """The block in which `one` happens, as it starts."""
    match one:
        case Thinking() | Thoughtful():
            block = _thinking_block(ask, turn)
            return block if "data" in block else {"type": "thinking", "thinking": "", "signature": ""}
        case Text() | Declined():
            cited: Object = {"citations": []} if turn.behaviour.citations else {}
            return {"type": "text", "text": "", **cited}
        case ToolOpened(id=identifier, name=name):
            return {"type": "tool_use", "id": identifier, "name": name, "input": {}}
        case ToolPiece():
            return {"type": "tool_use"}
        case _:
            return None


def _thinking_block(ask: Ask, turn: Turn) -> Object:
    reasoning = turn.behaviour.reasoning
    assert reasoning is not None
    if reasoning.state == "redacted":
        return {"type": "redacted_thinking", "data": ask.account.wrap(thoughts(reasoning))}
    text = thoughts(reasoning)
    return {"type": "thinking", "thinking": text, "signature": ask.account.sign(text)}


def _citation(one: Citation) -> Object:
    if one.document is not None:
        where = {"document_index": one.document, "document_title": one.title or None, "file_id": None}
        span = {"start_char_index": 0, "end_char_index": len(one.quote)}
        return {"type": "char_location", "cited_text": one.quote, **where, **span}
    where = {"url": one.url or "", "title": one.title, "encrypted_index": "c2ltdWxhdGVk"}
    return {"type": "web_search_result_location", "cited_text": one.quote, **where}


def _input(arguments: str) -> Object:
    """What is no JSON object is wrapped in one."""
    found: Object = arguments_of(arguments)
    return {"INVALID_JSON": arguments} if set(found) == {"invalid"} else found


def _delta(index: int, kind: str, name: str, value: object) -> bytes:
    delta = {"type": kind, name: value}
    return event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _message(ask: Ask, turn: Turn, usage: UsageNumbers | None) -> Object:
    message: Object = {
        "id": f"msg_{turn.identifier}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
    }
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    return message | {"usage": {"input_tokens": 0, "output_tokens": 0} if usage is None else _usage(usage)}


def _end(end: Finished) -> Object:
    found: Object = {"stop_reason": _REASONS.get(end.reason, end.reason), "stop_sequence": end.stopped_by}
    refused = found["stop_reason"] == "refusal"
    found["stop_details"] = {"type": "refusal", "category": None, "explanation": None} if refused else None
    return found


def _usage(usage: UsageNumbers) -> Object:
    """Here what is read from a cache or written to one is not among the input tokens."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    found: Object = {
        "input_tokens": max((usage.input_tokens or 0) - read - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output_tokens or 0,
        "service_tier": "standard",
    }
    if usage.reasoning_tokens:
        found["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return found


def _error(kind: str, message: str) -> bytes:
    value = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"}
    return encode(value)


def _model(name: str) -> Object:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-31T00:00:00Z"}
