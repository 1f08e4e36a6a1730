"""A call as the values of its row, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

import msgspec
from sqlalchemy import Row

from freehold.core.decision import Decision, Rejected
from freehold.core.money import Cost
from freehold.core.usage import NO_USAGE, Usage
from freehold.ledger.bodies import Place
from freehold.ledger.record import Attempt, Call

CALL_COLUMNS = (
    "id", "started_us", "operation", "dialect", "key", "route", "provider", "model", "reported_model",
    "streamed", "status", "outcome", "error", "stop_reason", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_audio_tokens",
    "output_audio_tokens", "cache_write_1h_tokens", "input_image_tokens", "input_video_tokens",
    "input_document_tokens", "output_image_tokens", "usage_source", "usage_shape", "raw_usage",
    "first_token_us", "duration_us", "request_bytes", "answer_bytes", "attempts", "losses", "cost_pico",
    "cost_row", "decision", "mirrors", "request_digest", "answer_digest", "request_body", "answer_body",
)  # fmt: skip

Price = tuple[int | None, str | None]
"""Cost in 1e-12 dollars, and the price row it is from."""
Places = tuple[Place | None, Place | None]
"""Where the request's and the answer's body are kept."""

_EXACT = Context(prec=60)
_LARGEST = 2**63 - 1
_LONGEST_SHAPE = 2000
_SPACE, _LF = 0x20, 0x0A
_number = re.compile(r":(-?\d[\d.eE+-]*)(?=[,}])").split
_encode = msgspec.json.Encoder().encode
_decode_attempts = msgspec.json.Decoder(list[list[Any]]).decode
decision_in = msgspec.json.Decoder(Decision).decode
"""The decision in the text of a column."""
decode_losses = msgspec.json.Decoder(tuple[str, ...]).decode


def row_of(
    call: Call, names: Mapping[str | None, int | None], price: Price, places: Places
) -> tuple[object, ...]:
    """The values of CALL_COLUMNS. `names[word]` is a word's number."""
    usage = call.usage
    shape, numbers = (None, None) if call.raw_usage is None else split_usage(call.raw_usage)
    first = call.first_token_ms
    request, answer = places
    return (
        call.id,
        call.started_us,
        names[call.operation],
        names[call.dialect],
        names[call.key_id],
        names[call.route],
        names[call.provider],
        names[call.model],
        names[call.reported_model],
        call.streamed,
        call.status,
        names[call.outcome],
        names[call.error],
        names[call.stop_reason],
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.input_audio_tokens,
        usage.output_audio_tokens,
        usage.cache_write_1h_tokens,
        usage.input_image_tokens,
        usage.input_video_tokens,
        usage.input_document_tokens,
        usage.output_image_tokens,
        names[usage.source],
        names[shape],
        numbers,
        None if first is None else int(first * 1000 + 0.5),
        int(call.duration_ms * 1000 + 0.5),
        call.request_bytes,
        call.answer_bytes,
        _attempts_text(call.attempts) if call.attempts else None,
        _encode(call.losses).decode() if call.losses else None,
        price[0],
        names[price[1]],
        None if call.decision is None else _encode(call.decision).decode(),
        call.mirrors,
        None if request is None else request.digest,
        None if answer is None else answer.digest,
        None if request is None else request.id,
        None if answer is None else answer.id,
    )


def call_of(row: Row[Any], names: Callable[[int | None], str | None]) -> Call:
    """The call of a row, without its bodies. `names` is the word of a number."""

    def word(number: int) -> Any:
        return names(number)

    usage = Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        input_audio_tokens=row.input_audio_tokens,
        output_audio_tokens=row.output_audio_tokens,
        source=word(row.usage_source),
        cache_write_1h_tokens=row.cache_write_1h_tokens,
        input_image_tokens=row.input_image_tokens,
        input_video_tokens=row.input_video_tokens,
        input_document_tokens=row.input_document_tokens,
        output_image_tokens=row.output_image_tokens,
    )
    return Call(
        id=row.id,
        started_us=row.started_us,
        operation=word(row.operation),
        dialect=word(row.dialect),
        key_id=names(row.key),
        route=names(row.route),
        provider=names(row.provider),
        model=names(row.model),
        reported_model=names(row.reported_model),
        streamed=row.streamed,
        status=row.status,
        outcome=word(row.outcome),
        error=names(row.error),
        stop_reason=names(row.stop_reason),
        usage=usage,
        raw_usage=None if row.raw_usage is None else join_usage(names(row.usage_shape), row.raw_usage),
        first_token_ms=None if row.first_token_us is None else row.first_token_us / 1000,
        duration_ms=row.duration_us / 1000,
        request_bytes=row.request_bytes,
        answer_bytes=row.answer_bytes,
        attempts=[] if row.attempts is None else _attempts(row.attempts, usage),
        losses=() if row.losses is None else decode_losses(row.losses),
        decision=None if row.decision is None else decision_in(row.decision),
        mirrors=row.mirrors,
    )


def cost_of(row: Row[Any], names: Callable[[int | None], str | None]) -> Cost:
    """The cost of a row's call."""
    return Cost(None if row.cost_pico is None else dollars(row.cost_pico), names(row.cost_row))


def pico_of(amount: Decimal | None) -> int | None:
    """An amount in 1e-12 dollars, as costs are kept; None when it is unknown or beyond all sense."""
    if amount is None:
        return None
    pico = round(amount.scaleb(12, _EXACT))
    return pico if -_LARGEST <= pico <= _LARGEST else None


def dollars(pico: int) -> Decimal:
    """Dollars of a whole number of 1e-12 dollars, exact whatever its size."""
    return Decimal(pico).scaleb(-12, _EXACT)


def split_usage(raw: bytes) -> tuple[str | None, str]:
    """A usage object as its shape, which nearly all calls of a model share, and its numbers.

    `{"prompt_tokens":19,"completion_tokens":7}` is `{"prompt_tokens"#,"completion_tokens"#}` and `19,7`. Two
    thirds of a call's row would be this object's field names otherwise. None and the text as it is where that
    would not give the very same text back.
    """
    if _SPACE in raw or _LF in raw:
        raw = _compact(raw)
    text = raw.decode(errors="replace")
    if "#" in text or len(text) > _LONGEST_SHAPE:
        return None, text
    parts = _number(text)
    return "#".join(parts[::2]), ",".join(parts[1::2])


def join_usage(shape: str | None, numbers: str) -> bytes:
    """The usage object that `split_usage` took apart."""
    if shape is None:
        return numbers.encode()
    texts, values = shape.split("#"), numbers.split(",")
    return (
        texts[0] + "".join([f":{value}{text}" for value, text in zip(values, texts[1:], strict=False)])
    ).encode()


def plain(call: Call) -> Call:
    """The call with what no database can hold put differently: for the rare one that a row refused.

    Halves of surrogate pairs become question marks, and so do zero bytes; counts and times beyond all sense become
    unknown.
    """
    known = {name: _plain(getattr(call, name)) for name in call.__struct_fields__}
    known["usage"] = _plain_struct(call.usage)
    known["attempts"] = [_plain_attempt(one) for one in call.attempts]
    known["raw_usage"] = None if call.raw_usage is None else call.raw_usage.replace(b"\0", b"?")
    known["losses"] = tuple(_plain(loss) for loss in call.losses)
    known["duration_ms"] = known["duration_ms"] or 0.0
    known["decision"] = None if call.decision is None else _plain_decision(call.decision)
    return Call(**known)


def _attempts_text(attempts: Sequence[Attempt]) -> str:
    return _encode([_attempt_row(one, alone=len(attempts) == 1) for one in attempts]).decode()


def _attempt_row(one: Attempt, *, alone: bool) -> list[object]:
    row: list[object] = [
        one.provider,
        one.model,
        int(one.start_ms * 1000 + 0.5),
        int(one.end_ms * 1000 + 0.5),
        None if one.first_ms is None else int(one.first_ms * 1000 + 0.5),
        one.status,
        one.outcome,
        one.error,
    ]
    used = {} if alone else _used(one.usage)  # the only attempt used what the call did
    if used or one.reason != "incumbent":
        row.append(one.reason)
    if used:
        row.append(used)
    return row


def _used(usage: Usage) -> dict[str, object]:
    """What is known of a usage."""
    if usage is NO_USAGE:
        return {}
    return {name: value for name in usage.__struct_fields__ if (value := getattr(usage, name)) is not None}


def _attempt(provider: str, model: str, start: int, end: int, first: int | None, *rest: Any) -> Attempt:
    status, outcome, error, *more = rest
    return Attempt(
        provider,
        model,
        start / 1000,
        end / 1000,
        None if first is None else first / 1000,
        status,
        outcome,
        error,
        more[0] if more else "incumbent",
        Usage(**more[1]) if len(more) > 1 else NO_USAGE,
    )


def _attempts(text: str, usage: Usage) -> list[Attempt]:
    attempts = [_attempt(*one) for one in _decode_attempts(text)]
    if len(attempts) == 1:
        attempts[0].usage = usage
    return attempts


def _compact(raw: bytes) -> bytes:
    try:
        return msgspec.json.format(raw, indent=-1)
    except msgspec.DecodeError:
        return raw  # kept as it came


def _plain_struct(one: Any) -> Any:
    values = {name: _plain(getattr(one, name)) for name in one.__struct_fields__}
    for name in ("start_ms", "end_ms"):
        if name in values:
            values[name] = values[name] or 0.0
    return type(one)(**values)


def _plain_attempt(one: Attempt) -> Attempt:
    attempt: Attempt = _plain_struct(one)
    attempt.usage = _plain_struct(one.usage)
    return attempt


def _plain_decision(one: Decision) -> Decision:
    return msgspec.structs.replace(
        one,
        policy=_plain(one.policy),
        chosen=_plain(one.chosen),
        reason=_plain(one.reason),
        rejected=tuple(Rejected(_plain(other.model), _plain(other.why)) for other in one.rejected),
        facts={_plain(name): _plain(fact) for name, fact in one.facts.items()},
        rollout=_plain(one.rollout),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode().replace("\0", "?")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else None
    if isinstance(value, float):
        return value if abs(value) < 1e12 else None
    return value
