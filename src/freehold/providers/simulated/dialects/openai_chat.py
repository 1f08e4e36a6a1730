"""The dialect `openai-chat`: chat completions, whole and as an event stream."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask
from freehold.providers.simulated.dialect import Object, Place, encode
from freehold.providers.simulated.dialects import openai_chat_request as request_form
from freehold.providers.simulated.dialects.openai_form import OpenAIForm
from freehold.providers.simulated.faults import ErrorEvent
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
from freehold.providers.simulated.script import Citation, UsageNumbers
from freehold.providers.simulated.turns import Turn
from freehold.providers.simulated.words import alternatives, logprob_of, tokens_of

_REASONS = {"stop_sequence": "stop", "refusal": "stop", "pause": "stop", "context": "length"}


class OpenAIChat(OpenAIForm):
    """`POST /v1/chat/completions`, and what stands beside it."""

    name = "openai-chat"

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        return request_form.read(body, account)

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""
        calls = [
            {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}
            for identifier, name, arguments in answer.calls
        ]
        message: Object = {
            "role": "assistant",
            "content": answer.text or (None if calls or answer.refusal else ""),
            "refusal": answer.refusal or None,
        }
        if calls:
            message["tool_calls"] = calls
        if turn.behaviour.reasoning is not None:
            message["reasoning_content"] = thoughts(turn.behaviour.reasoning)
        if turn.behaviour.citations:
            message["annotations"] = url_citations(turn.behaviour.citations, len(answer.text))
        probable = (
            None
            if ask.logprobs is None
            else {"content": logprobs(answer.text, ask.logprobs), "refusal": None}
        )
        envelope = _envelope(ask, turn, "chat.completion")
        envelope["choices"] = [
            {
                "index": index,
                "message": message,
                "logprobs": probable,
                "finish_reason": _REASONS.get(answer.end.reason, answer.end.reason),
            }
            for index in range(ask.n)
        ]
        if answer.end.usage is not None:
            envelope["usage"] = _usage(answer.end.usage)
        return encode(envelope)

    def events(  # noqa: PLR0912 - the way that nearly all chunks take comes first
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream: the role, then pieces, then the reason of the end, then, if asked for, the usage."""
        envelope = encode(_envelope(ask, turn, "chat.completion.chunk"))[:-1]
        # Template by hand: ten thousand streams at once are made of this line.
        starts = [
            b"data: " + envelope + b',"choices":[{"index":%d,"delta":' % index for index in range(ask.n)
        ]
        rest = b',"usage":null}\n\n' if ask.include_usage else b"}\n\n"
        middle = b',"logprobs":null,"finish_reason":null}]' + rest
        opened = False
        written = 0
        plain = ask.n == 1 and ask.logprobs is None
        for one in happenings:
            if opened and plain and isinstance(one, Text):  # what nearly all of them are
                seen.chunks += 1
                seen.tokens += one.tokens
                written += len(one.piece)
                yield starts[0] + b'{"content":' + encode(one.piece) + b"}" + middle
                continue
            if isinstance(one, float):
                yield one
                continue
            if not opened:
                opened = True
                seen.chunks += 1
                for start in starts:
                    yield start + b'{"role":"assistant","content":"","refusal":null}' + middle
            if isinstance(one, Finished) and turn.behaviour.citations:
                seen.chunks += 1
                cited = encode({"annotations": url_citations(turn.behaviour.citations, written)})
                yield from (start + cited + middle for start in starts)
            if isinstance(one, Thoughtful):
                continue
            seen.chunks += 1
            seen.tokens += tokens_in(one)
            if isinstance(one, Finished):
                reason = encode(_REASONS.get(one.reason, one.reason))
                for start in starts:
                    yield start + b'{},"logprobs":null,"finish_reason":' + reason + b"}]" + rest
                if ask.include_usage and one.usage is not None:
                    seen.chunks += 1
                    usage = encode(_usage(one.usage))
                    yield b"data: " + envelope + b',"choices":[],"usage":' + usage + b"}\n\n"
                continue
            end = middle
            if isinstance(one, Text):
                written += len(one.piece)
                if ask.logprobs is not None:
                    probable = encode({"content": logprobs(one.piece, ask.logprobs), "refusal": None})
                    end = b',"logprobs":' + probable + b',"finish_reason":null}]' + rest
            delta = _delta(one)
            for start in starts:
                yield start + delta + end
        yield b"data: [DONE]\n\n"

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        return b"data: " + self.error_body(error) + b"\n\n"


def _delta(one: Text | Thinking | Declined | ToolOpened | ToolPiece) -> bytes:
    match one:
        case Text(piece=piece):
            return b'{"content":' + encode(piece) + b"}"
        case Thinking(shown=piece):
            return b'{"reasoning_content":' + encode(piece) + b"}"
        case Declined(piece=piece):
            return b'{"refusal":' + encode(piece) + b"}"
        case ToolPiece(index=index, arguments=arguments):
            return encode({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
        case ToolOpened(index=index, id=identifier, name=name):
            function = {"name": name, "arguments": ""}
            call = {"index": index, "id": identifier, "type": "function", "function": function}
            return encode({"tool_calls": [call]})


def logprobs(text: str, top: int) -> list[Object]:
    """How likely each token was, with the likeliest in its place."""
    return [
        {
            **_probable(token, logprob_of(token)),
            "top_logprobs": [_probable(*one) for one in alternatives(token, top)],
        }
        for token in tokens_of(text)
    ]


def _probable(token: str, logprob: float) -> Object:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}


def url_citations(citations: tuple[Citation, ...], length: int) -> list[Object]:
    """Citations as chat completions have them."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": one.url or "",
                "title": one.title,
                "start_index": one.start,
                "end_index": length if one.end is None else one.end,
            },
        }
        for one in citations
    ]


def _envelope(ask: Ask, turn: Turn, kind: str) -> Object:
    # The time of creation is part of what repeats, so it counts calls and not seconds.
    return {
        "id": f"chatcmpl-{turn.identifier}",
        "object": kind,
        "created": 1_700_000_000 + turn.number,
        "model": ask.model,
        "system_fingerprint": "fp_simulated",
    }


def _usage(usage: UsageNumbers) -> Object:
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    details: Object = {"cached_tokens": usage.cache_read_tokens or 0}
    if usage.cache_write_tokens:
        details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
