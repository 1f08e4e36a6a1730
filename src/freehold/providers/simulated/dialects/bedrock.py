"""The dialect `bedrock-converse`: Converse, and ConverseStream in Amazon's binary event stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import pack
from zlib import crc32

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, arguments_of
from freehold.providers.simulated.dialect import JSON, Dull, Object, Place, bearer, encode
from freehold.providers.simulated.dialects import bedrock_request as request_form
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
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
    "pause": "end_turn",
    "context": "model_context_window_exceeded",
}
_USUAL = {
    400: ("ValidationException", "The request is malformed."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "The provided model identifier is invalid."),
    405: ("UnknownOperationException", "Method not allowed"),
    408: ("ModelTimeoutException", "The model took too long."),
    424: ("ModelErrorException", "The model had an error."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error. Try your request again."),
    503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
}


class BedrockConverse(Dull):
    """`POST /model/{id}/converse` and `/converse-stream`."""

    name = "bedrock-converse"
    identified_by = "x-amzn-requestid"

    def key_of(self, request: ReceivedRequest) -> str | None:
        """A bearer token, or the name of the key that signed. The signature itself is not checked."""
        head, _, rest = (request.header("authorization") or "").partition(" ")
        if head != "AWS4-HMAC-SHA256":
            return bearer(request)
        return rest.partition("Credential=")[2].partition("/")[0] or None

    def stream_type(self, request: ReceivedRequest) -> str:
        """Binary frames."""
        return "application/vnd.amazon.eventstream"

    def error(self, error: Refused) -> Reply:
        """An error answer: its type is a header."""
        usual = _USUAL.get(error.status) or _USUAL[500 if error.status >= 500 else 400]
        body = encode({"message": error.message or usual[1]})
        reply = whole(error.status, JSON, body if error.body is None else error.body.encode())
        reply.headers.append(("x-amzn-errortype", error.type or usual[0]))
        if error.retry_after is not None:
            reply.headers.append(("retry-after", error.retry_after))
        reply.headers.extend(error.headers.items())
        return reply

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return encode({"message": error.message})

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        kind = error.type or "internalServerException"
        return frame_of({":message-type": "exception", ":exception-type": kind}, self.error_body(error))

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        return request_form.read(body, place, account)

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""
        blocks: list[Object] = []
        reasoning = turn.behaviour.reasoning
        if reasoning is not None and reasoning.state == "redacted":
            blocks.append({"reasoningContent": {"redactedContent": ask.account.wrap(thoughts(reasoning))}})
        elif reasoning is not None:
            text = thoughts(reasoning)
            shown: Object = {"text": text} | (
                {} if reasoning.state == "none" else {"signature": ask.account.sign(text)}
            )
            blocks.append({"reasoningContent": {"reasoningText": shown}})
        text = answer.text or answer.refusal
        if text and turn.behaviour.citations:
            cited = [_citation(one) for one in turn.behaviour.citations]
            blocks.append({"citationsContent": {"content": [{"text": text}], "citations": cited}})
        elif text:
            blocks.append({"text": text})
        blocks += [
            {"toolUse": {"toolUseId": identifier, "name": name, "input": _input(arguments)}}
            for identifier, name, arguments in answer.calls
        ]
        usage = answer.end.usage or UsageNumbers(0, 0)
        value: Object = {"output": {"message": {"role": "assistant", "content": blocks}}}
        value |= {"stopReason": _reason(answer.end), "usage": _usage(usage), "metrics": {"latencyMs": 1}}
        return encode(value)

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream of frames: for each block its pieces and its stop; tools have a start too."""
        opened, index, kind = False, -1, ""
        for one in happenings:
            if isinstance(one, float):
                yield one
                continue
            if not opened:
                opened = True
                seen.chunks += 1
                yield _event("messageStart", {"role": "assistant"})
            seen.tokens += tokens_in(one)
            now = _kind(one)
            if kind and (now != kind or isinstance(one, ToolOpened)):
                for frame in self._block_end(turn, index, kind):
                    seen.chunks += 1
                    yield frame
                kind = ""
            if now and not kind:
                index, kind = index + 1, now
            for frame in self._frames(ask, turn, one, index):
                seen.chunks += 1
                yield frame

    def _block_end(self, turn: Turn, index: int, kind: str) -> Iterable[bytes]:
        for one in turn.behaviour.citations if kind == "text" else ():
            yield _delta(index, {"citation": _citation(one)})
        yield _event("contentBlockStop", {"contentBlockIndex": index})

    def _frames(self, ask: Ask, turn: Turn, one: Happening, index: int) -> Iterable[bytes]:
        reasoning = turn.behaviour.reasoning
        redacted = reasoning is not None and reasoning.state == "redacted"
        match one:
            case Thinking(shown=piece):
                if not redacted:
                    yield _delta(index, {"reasoningContent": {"text": piece}})
            case Thoughtful():
                assert reasoning is not None
                text = thoughts(reasoning)
                if redacted:
                    yield _delta(index, {"reasoningContent": {"redactedContent": ask.account.wrap(text)}})
                elif reasoning.state == "signed":
                    yield _delta(index, {"reasoningContent": {"signature": ask.account.sign(text)}})
            case Text(piece=piece) | Declined(piece=piece):
                yield _delta(index, {"text": piece})
            case ToolOpened(id=identifier, name=name):
                start = {"toolUse": {"toolUseId": identifier, "name": name}}
                yield _event("contentBlockStart", {"start": start, "contentBlockIndex": index})
            case ToolPiece(arguments=piece):
                yield _delta(index, {"toolUse": {"input": piece}})
            case Finished():
                yield _event("messageStop", {"stopReason": _reason(one)})
                if one.usage is not None:
                    yield _event("metadata", {"usage": _usage(one.usage), "metrics": {"latencyMs": 1}})


def _kind(one: Happening) -> str:
    match one:
        case Thinking() | Thoughtful():
            return "reasoning"
        case Text() | Declined():
            return "text"
        case ToolOpened() | ToolPiece():
            return "tool"
        case _:
            return ""


def frame_of(headers: dict[str, str], payload: bytes) -> bytes:
    """One frame: lengths, their checksum, headers, payload, and a checksum of all that."""
    head = b""
    for name, value in {**headers, ":content-type": JSON}.items():
        head += bytes((len(name),)) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
    lengths = pack(">II", len(head) + len(payload) + 16, len(head))
    frame = lengths + pack(">I", crc32(lengths)) + head + payload
    return frame + pack(">I", crc32(frame))


def _event(kind: str, value: Object) -> bytes:
    # Amazon pads its events so that their length tells less.
    return frame_of({":event-type": kind, ":message-type": "event"}, encode({**value, "p": "abcdefg"}))


def _delta(index: int, delta: Object) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _reason(end: Finished) -> str:
    return _REASONS.get(end.reason, end.reason)


def _input(arguments: str) -> Object:
    found: Object = arguments_of(arguments)
    return {"INVALID_JSON": arguments} if set(found) == {"invalid"} else found


def _citation(one: Citation) -> Object:
    found: Object = {"title": one.title, "sourceContent": [{"text": one.quote}]}
    if one.document is not None:
        span = {"documentIndex": one.document, "start": 0, "end": len(one.quote)}
        return found | {"location": {"documentChar": span}}
    return found | {"location": {"web": {"url": one.url or ""}}}


def _usage(usage: UsageNumbers) -> Object:
    """As with Anthropic, what a cache has to do with is not among the input tokens."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    fresh, out = max((usage.input_tokens or 0) - read - written, 0), usage.output_tokens or 0
    return {
        "inputTokens": fresh,
        "outputTokens": out,
        "totalTokens": fresh + read + written + out,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": written,
    }
