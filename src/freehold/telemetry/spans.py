"""A finished call as spans: one of the server's kind for the call, and under it one for each attempt at a model.

Most of a span is the same as of others before it. Those parts are kept as the bytes they became.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from struct import Struct

from freehold.core.trace import Trace
from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.telemetry.attributes import Name, Value, attributes
from freehold.telemetry.costs import sum_of
from freehold.telemetry.facts import ProviderFacts
from freehold.telemetry.protobuf import block, number, text, varint
from freehold.telemetry.settings import Names

SPANS = 2
"""The field of ScopeSpans that a span is."""
_ATTRIBUTES = 9
_SERVER, _CLIENT = 2, 3
_of_call = Struct("<2s16s2s8sBQBQ2sI").pack
"""The trace's and the span's id, start and end in nanoseconds, and flags: fields 1, 2, 7, 8 and 16."""
_of_attempt = Struct("<2s16s2s8s2s8sBQBQ2sI").pack
"""The same with the id of the span above, field 4."""
_TRACE, _SPAN, _PARENT = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_START, _END, _FLAGS = 0x39, 0x41, b"\x85\x01"
_HEAD = varint(SPANS << 3 | 2)
_ERROR = block(15, number(3, 2))
_LOCAL_PARENT, _REMOTE_PARENT = 0x100, 0x300
_MOST_KEPT = 4096
_LONGEST_NAME = 200

_PATHS = {
    ("openai-chat", "chat"): "/v1/chat/completions",
    ("openai-chat", "embeddings"): "/v1/embeddings",
    ("openai-responses", "chat"): "/v1/responses",
    ("openai-responses", "count"): "/v1/responses/input_tokens",
    ("anthropic-messages", "chat"): "/v1/messages",
    ("anthropic-messages", "count"): "/v1/messages/count_tokens",
    ("gemini", "chat"): "/v1beta/models/{model}:generateContent",
    ("gemini", "embeddings"): "/v1beta/models/{model}:embedContent",
    ("gemini", "count"): "/v1beta/models/{model}:countTokens",
}
OPERATIONS = {"chat": "chat", "embeddings": "embeddings", "count": "count_tokens"}
"""`gen_ai.operation.name`; counting tokens has none among the well-known. A mirror is in no trace."""

_CALL_ID = Name(_ATTRIBUTES, "freehold.call.id")
_REQUEST_SIZE = Name(_ATTRIBUTES, "http.request.body.size")
_ANSWER_SIZE = Name(_ATTRIBUTES, "http.response.body.size")
_COST = Name(_ATTRIBUTES, "freehold.cost")
_FIRST_CHUNK = Name(_ATTRIBUTES, "gen_ai.response.time_to_first_chunk")
_INPUT = Name(_ATTRIBUTES, "gen_ai.usage.input_tokens")
_OUTPUT = Name(_ATTRIBUTES, "gen_ai.usage.output_tokens")
_CACHE_READ = Name(_ATTRIBUTES, "gen_ai.usage.cache_read.input_tokens")
_CACHE_WRITE = Name(_ATTRIBUTES, "gen_ai.usage.cache_write.input_tokens")
_CACHE_CREATION = Name(_ATTRIBUTES, "gen_ai.usage.cache_creation.input_tokens")
_REASONING = Name(_ATTRIBUTES, "gen_ai.usage.reasoning.output_tokens")

ContentOf = Callable[[Call], "list[tuple[str, str]]"]
"""Names and values of attributes that hold what was said."""


class Spans:
    """Writes spans. Not for several threads."""

    def __init__(
        self, providers: Mapping[str, ProviderFacts], names: Names = "new", content: ContentOf | None = None
    ) -> None:
        """`content`: what gives the words that were said; None: they are left out."""
        self._providers = providers
        self._names = names
        self._new = names != "old"
        self._old = names != "new"
        self._content = content
        self._known: dict[tuple[object, ...], bytes] = {}

    def with_providers(self, providers: Mapping[str, ProviderFacts]) -> Spans:
        """The same for other providers: nothing that was kept holds any more."""
        return Spans(providers, self._names, self._content)

    def write(self, call: Call, costs: list[Decimal | None]) -> bytes:
        """All spans of a recorded call, one behind the other."""
        trace = call.trace
        assert trace is not None
        ids = bytes.fromhex(trace.trace_id + trace.span_id)
        span = self._call(call, trace, ids, costs)
        parts = [_HEAD, varint(len(span)), span]
        answering = answering_attempt(call)
        said = [] if self._content is None else self._content(call)
        for index, attempt in enumerate(call.attempts):
            answers = index == answering
            span = self._attempt(call, attempt, trace, ids, cost=costs[index], answers=answers)
            if said and answers:
                span += b"".join(Name(_ATTRIBUTES, name).text(value) for name, value in said)
            parts += (_HEAD, varint(len(span)), span)
        return b"".join(parts)

    # The call

    def _call(self, call: Call, trace: Trace, ids: bytes, costs: list[Decimal | None]) -> bytes:
        decision = call.decision
        key: tuple[object, ...] = (
            call.dialect, call.operation, call.key_id, call.route, call.provider, call.model, call.status,
            call.outcome, call.error, call.losses, call.streamed, len(call.attempts),
        )  # fmt: skip
        if decision is not None:
            key = (*key, decision.policy, decision.reason, decision.rollout, decision.arm)
        known = self._known.get(key)
        if known is None:
            known = self._keep(key, self._of_call(call))
        total = sum_of(costs)
        start = call.started_us * 1000
        end = start + int(call.duration_ms * 1_000_000)
        flags = trace.flags | (_REMOTE_PARENT if trace.parent_id else _LOCAL_PARENT)
        parts = [
            _of_call(_TRACE, ids[:16], _SPAN, ids[16:], _START, start, _END, end, _FLAGS, flags),
            known,
            _CALL_ID.text(call.id),
            _REQUEST_SIZE.whole(call.request_bytes),
            _ANSWER_SIZE.whole(call.answer_bytes),
        ]
        if total is not None:
            parts.append(_COST.fraction(float(total)))
        if trace.parent_id:
            parts.append(block(4, bytes.fromhex(trace.parent_id)))
        if trace.state:
            parts.append(text(3, trace.state))
        return b"".join(parts)

    def _of_call(self, call: Call) -> bytes:
        route = _PATHS.get((call.dialect, call.operation), f"/{call.dialect}")
        if call.dialect == "gemini" and call.streamed:
            route = route.replace(":generateContent", ":streamGenerateContent")
        failed = call.outcome in ("failed", "cut")
        erred = failed or call.outcome == "cancelled" or call.status >= 400
        decision = call.decision
        decided: list[tuple[str, Value | None]] = []
        if decision is not None:
            decided = [
                ("freehold.policy", decision.policy),
                ("freehold.policy.reason", decision.reason),
                ("freehold.rollout", decision.rollout),
                ("freehold.arm", decision.arm),
            ]
        model = None if call.model is None else f"{call.provider}/{call.model}"
        return b"".join(
            (
                text(5, f"POST {route}"),
                number(6, _SERVER),
                _ERROR if failed or call.status >= 500 else b"",
                attributes(
                    _ATTRIBUTES,
                    [
                        ("http.request.method", "POST"),
                        ("http.route", route),
                        ("http.response.status_code", call.status),
                        ("url.path", route.replace("{model}", call.route or "")),
                        ("url.scheme", "http"),
                        ("error.type", (call.error or str(call.status)) if erred else None),
                        ("freehold.route", call.route),
                        ("freehold.key.id", call.key_id),
                        ("freehold.dialect", call.dialect),
                        ("freehold.outcome", call.outcome),
                        ("freehold.model", model),
                        ("freehold.attempts", len(call.attempts)),
                        ("freehold.losses", call.losses or None),
                        *decided,
                    ],
                ),
            )
        )

    # An attempt

    def _attempt(
        self,
        call: Call,
        attempt: Attempt,
        trace: Trace,
        ids: bytes,
        *,
        cost: Decimal | None,
        answers: bool,
    ) -> bytes:
        stop, reported = (call.stop_reason, call.reported_model) if answers else (None, None)
        key = (
            call.operation, attempt.provider, attempt.model, call.streamed, attempt.status, attempt.outcome,
            attempt.error, attempt.reason, attempt.usage.source, stop, reported,
        )  # fmt: skip
        known = self._known.get(key)
        if known is None:
            known = self._keep(key, self._of_attempt(call, attempt, stop, reported))
        start = call.started_us * 1000
        began = start + int(attempt.start_ms * 1_000_000)
        end = max(began, start + int(attempt.end_ms * 1_000_000))
        span = attempt.span.to_bytes(8, "big")
        flags = trace.flags | _LOCAL_PARENT
        parts = [
            _of_attempt(
                _TRACE, ids[:16], _SPAN, span, _PARENT, ids[16:], _START, began, _END, end, _FLAGS, flags
            ),
            known,
        ]
        self._add_usage(parts, attempt.usage)
        if attempt.first_ms is not None and call.streamed:
            parts.append(_FIRST_CHUNK.fraction((attempt.first_ms - attempt.start_ms) / 1000))
        if cost is not None:
            parts.append(_COST.fraction(float(cost)))
        if trace.state:
            parts.append(text(3, trace.state))
        return b"".join(parts)

    def _of_attempt(self, call: Call, attempt: Attempt, stop: str | None, reported: str | None) -> bytes:
        facts = self._providers.get(attempt.provider) or ProviderFacts(attempt.provider)
        operation = OPERATIONS[call.operation]
        said: list[tuple[str, Value | None]] = [
            ("gen_ai.operation.name", operation),
            ("gen_ai.provider.name", facts.name if self._new else None),
            ("gen_ai.system", facts.name if self._old else None),
            ("gen_ai.request.model", attempt.model),
            ("gen_ai.request.stream", True if call.streamed else None),
            ("gen_ai.response.model", reported),
            ("gen_ai.response.finish_reasons", None if stop is None else (stop,)),
            ("server.address", facts.address),
            ("server.port", facts.port),
            ("http.response.status_code", attempt.status),
            ("error.type", attempt.error),
            ("freehold.provider", attempt.provider),
            ("freehold.reason", attempt.reason),
            ("freehold.outcome", attempt.outcome),
            ("freehold.usage.source", attempt.usage.source),
        ]
        name = f"{operation} {attempt.model}"[:_LONGEST_NAME]
        return b"".join(
            (
                text(5, name),
                number(6, _CLIENT),
                b"" if attempt.error is None else _ERROR,
                attributes(_ATTRIBUTES, said),
            )
        )

    def _add_usage(self, parts: list[bytes], usage: Usage) -> None:
        if usage.input_tokens is not None:
            parts.append(_INPUT.whole(usage.input_tokens))
        if usage.output_tokens is not None:
            parts.append(_OUTPUT.whole(usage.output_tokens))
        if usage.cache_read_tokens is not None:
            parts.append(_CACHE_READ.whole(usage.cache_read_tokens))
        if usage.reasoning_tokens is not None:
            parts.append(_REASONING.whole(usage.reasoning_tokens))
        if usage.cache_write_tokens is not None:
            if self._new:
                parts.append(_CACHE_WRITE.whole(usage.cache_write_tokens))
            if self._old:
                parts.append(_CACHE_CREATION.whole(usage.cache_write_tokens))

    def _keep(self, key: tuple[object, ...], known: bytes) -> bytes:
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()  # names of models come from clients: they must not fill the memory
        self._known[key] = known
        return known


def answering_attempt(call: Call) -> int | None:
    """Which attempt's answer the call has; None when none of them answered."""
    attempts, provider, model = call.attempts, call.provider, call.model
    index = len(attempts)
    while index:
        index -= 1
        attempt = attempts[index]
        same = attempt.provider == provider and attempt.model == model
        if same and attempt.outcome in ("answered", call.outcome):
            return index
    return None
