"""The dialect `cohere`: `POST /v2/chat`, whole and as an event stream, and `POST /v2/embed`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask
from freehold.providers.simulated.dialect import (
    JSON,
    Dull,
    Embedding,
    Object,
    Place,
    count_at,
    encode,
    event,
    list_at,
    text_at,
    wrong,
)
from freehold.providers.simulated.dialects import cohere_request as request_form
from freehold.providers.simulated.dialects.openai_form import packed
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
from freehold.providers.simulated.words import logprob_of, tokens_of

_REASONS = {
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "stop_sequence": "STOP_SEQUENCE",
    "content_filter": "ERROR",
    "context": "ERROR",
    **dict.fromkeys(("stop", "refusal", "pause"), "COMPLETE"),
}
_USUAL = {
    400: "invalid request",
    401: "invalid api token",
    404: "not found",
    429: "You are using a Trial key, which is limited to a number of API calls. Please wait.",
    498: "invalid token",
    500: "internal server error",
    503: "service unavailable",
}


class Cohere(Dull):
    """`POST /v2/chat` and `POST /v2/embed`."""

    name = "cohere"

    def error(self, error: Refused) -> Reply:
        """An error answer."""
        usual = _USUAL.get(error.status) or _USUAL[500 if error.status >= 500 else 400]
        body = encode({"id": "simulated", "message": error.message or usual})
        reply = whole(error.status, JSON, body if error.body is None else error.body.encode())
        if error.retry_after is not None:
            reply.headers.append(("retry-after", error.retry_after))
        reply.headers.extend(error.headers.items())
        return reply

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return encode({"id": "simulated", "message": error.message})

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        delta = {"finish_reason": error.code or error.type or "ERROR", "error": error.message}
        return event("message-end", {"type": "message-end", "delta": delta})

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        return request_form.read(body, account)

    def embedding(self, body: Object, place: Place) -> Embedding:
        """What `POST /v2/embed` asks for. Raises Refusal."""
        texts = list_at(body, "texts")
        if not texts or not all(isinstance(one, str) for one in texts):
            raise wrong("invalid request: at least one of texts, images or inputs must be provided")
        if body.get("input_type") is None:
            raise wrong("invalid request: input_type must be provided")
        forms = list_at(body, "embedding_types") or ["float"]
        return Embedding(text_at(body, "model"), texts, count_at(body, "output_dimension"), ",".join(forms))

    def vectors(
        self, wanted: Embedding, vectors: list[array[float]], tokens: int | None, turn: Turn
    ) -> bytes:
        """The vectors in each of the forms."""
        found: Object = {}
        for form in wanted.form.split(","):
            if form in ("float", "base64"):
                found[form] = [packed(vector, form) for vector in vectors]
            elif form in ("int8", "uint8"):
                shift = 0 if form == "int8" else 128
                found[form] = [[round(value * 127) + shift for value in vector] for vector in vectors]
            else:
                raise wrong(f"invalid request: embedding type {form} is not simulated")
        billed = {} if tokens is None else {"billed_units": {"input_tokens": tokens}}
        answer: Object = {"id": turn.identifier, "embeddings": found, "texts": wanted.texts}
        return encode(
            {
                **answer,
                "response_type": "embeddings_by_type",
                "meta": {"api_version": {"version": "2"}, **billed},
            }
        )

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""
        message: Object = {"role": "assistant"}
        content: list[Object] = []
        if turn.behaviour.reasoning is not None and thoughts(turn.behaviour.reasoning):
            content.append({"type": "thinking", "thinking": thoughts(turn.behaviour.reasoning)})
        text = answer.text or answer.refusal
        if answer.calls and text:
            message["tool_plan"] = text
        elif text:
            content.append({"type": "text", "text": text})
        if content:
            message["content"] = content
        if answer.calls:
            message["tool_calls"] = [
                {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}
                for identifier, name, arguments in answer.calls
            ]
        if turn.behaviour.citations:
            message["citations"] = [_citation(one, text) for one in turn.behaviour.citations]
        value: Object = {"id": turn.identifier, "finish_reason": _reason(answer.end), "message": message}
        if answer.end.usage is not None:
            value["usage"] = _usage(answer.end.usage)
        if ask.logprobs is not None:
            value["logprobs"] = [
                {"text": token, "token_ids": [len(token)], "logprobs": [logprob_of(token)]}
                for token in tokens_of(answer.text)
            ]
        return encode(value)

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream: for each content its start, pieces and end; the same for each call; then the end."""
        writing = _Writing(turn)
        opened = False
        for one in happenings:
            if isinstance(one, float):
                yield one
                continue
            if not opened:
                opened = True
                seen.chunks += 1
                message = {
                    "role": "assistant",
                    "content": [],
                    "tool_plan": "",
                    "tool_calls": [],
                    "citations": [],
                }
                start: Object = {
                    "type": "message-start",
                    "id": turn.identifier,
                    "delta": {"message": message},
                }
                yield event("message-start", start)
            seen.tokens += tokens_in(one)
            for chunk in writing.events(one):
                seen.chunks += 1
                yield chunk


class _Writing:
    """The state of one stream: what is open."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._index = -1
        self._open = ""
        self._said: list[str] = []
        self._plans = bool(turn.behaviour.tool_calls)

    def events(self, one: Happening) -> Iterator[bytes]:
        """The events that tell of `one`."""
        match one:
            case Thinking(shown=piece):
                yield from self._piece("thinking", piece)
            case Text(piece=piece) | Declined(piece=piece):
                if self._plans:
                    yield _event("tool-plan-delta", None, {"tool_plan": piece})
                else:
                    self._said.append(piece)
                    yield from self._piece("text", piece)
            case ToolOpened(index=index, id=identifier, name=name):
                yield from self._close()
                function = {"name": name, "arguments": ""}
                call = {"id": identifier, "type": "function", "function": function}
                self._open, self._index = "tool", index
                yield _event("tool-call-start", index, {"tool_calls": call})
            case ToolPiece(index=index, arguments=piece):
                yield _event("tool-call-delta", index, {"tool_calls": {"function": {"arguments": piece}}})
            case Thoughtful():
                yield from self._close()
            case Finished():
                yield from self._close()
                for index, cited in enumerate(self._turn.behaviour.citations):
                    yield _event(
                        "citation-start", index, {"citations": _citation(cited, "".join(self._said))}
                    )
                    yield _event("citation-end", index, None)
                delta: Object = {"finish_reason": _reason(one)}
                if one.usage is not None:
                    delta["usage"] = _usage(one.usage)
                yield event("message-end", {"type": "message-end", "delta": delta})

    def _piece(self, kind: str, piece: str) -> Iterator[bytes]:
        if self._open != kind:
            yield from self._close()
            self._open, self._index = kind, self._index + 1
            yield _event("content-start", self._index, {"content": {"type": kind, kind: ""}})
        yield _event("content-delta", self._index, {"content": {kind: piece}})

    def _close(self) -> Iterator[bytes]:
        if self._open:
            yield _event("tool-call-end" if self._open == "tool" else "content-end", self._index, None)
        self._open = ""


def _event(kind: str, index: int | None, message: Object | None) -> bytes:
    value: Object = {"type": kind}
    if index is not None:
        value["index"] = index
    if message is not None:
        value["delta"] = {"message": message}
    return event(kind, value)


def _reason(end: Finished) -> str:
    return _REASONS.get(end.reason, end.reason)


def _citation(one: Citation, text: str) -> Object:
    end = len(text) if one.end is None else one.end
    document = {
        "id": one.url or f"doc:{one.document}",
        "title": one.title,
        "snippet": one.quote,
        "url": one.url,
    }
    source = {"type": "document", "id": document["id"], "document": document}
    return {
        "start": one.start,
        "end": end,
        "text": text[one.start : end],
        "sources": [source],
        "content_index": 0,
        "type": "TEXT_CONTENT",
    }


def _usage(usage: UsageNumbers) -> Object:
    numbers = {"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens or 0}
    return {"billed_units": numbers, "tokens": numbers, "cached_tokens": usage.cache_read_tokens or 0}
