"""One call, in full, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from textwrap import indent
from typing import TYPE_CHECKING

import msgspec

from freehold.cli.output import plain
from freehold.cli.presentation import model_of, why_not_kept
from freehold.core import figures
from freehold.core.figures import show_moment
from freehold.routing.explaining import in_one_line
from freehold.wire.sse import EventSplitter, data_of

if TYPE_CHECKING:
    from freehold.ledger.feedback import Feedback
    from freehold.ledger.reading import Entry
    from freehold.ledger.record import Attempt


def portrait(entry: Entry, key_names: Mapping[str, str], *, utc: bool, mirrors: Sequence[Entry] = ()) -> str:
    """Everything on record about the call, as text. `mirrors`: copies of it."""
    facts = [*_facts(entry, key_names, utc=utc), *_copies(mirrors)]
    parts = [
        "\n".join(f"{name:<12} {plain(value)}" for name, value in facts),
        "\n".join(["attempts", *(f"  {plain(line)}" for line in attempt_lines(entry.call.attempts))]),
        *(["\n".join(["feedback", *_opinions(entry.feedback, key_names)])] if entry.feedback else []),
        _body("request", entry, entry.call.request_body),
        _body("answer", entry, entry.call.answer_body),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(entry: Entry, key_names: Mapping[str, str], *, utc: bool) -> Iterator[tuple[str, str]]:
    call, usage = entry.call, entry.call.usage
    yield "call", call.id
    yield "started", show_moment(call.started_us, utc=utc)
    yield "what", f"{call.operation}, {call.dialect}{', streamed' if call.streamed else ''}"
    if call.mirrors is not None:
        yield "copy of", call.mirrors
    yield "route", call.route or "-"
    reported = (
        f" (calls itself {call.reported_model})" if call.reported_model not in (None, call.model) else ""
    )
    yield "model", (model_of(entry) or "-") + reported
    named = key_names.get(call.key_id or "")
    yield "key", f"{named} ({call.key_id})" if named else call.key_id or "-"
    error = f", {call.error}" if call.error else ""
    yield "outcome", f"{call.outcome}, HTTP {call.status}{error}"
    yield "stopped", call.stop_reason or "-"
    counted = {"provider": "", "counted": " (counted by us: it ended early)", "unknown": " (unknown)"}[
        usage.source
    ]
    yield (
        "tokens",
        f"{figures.count(usage.input_tokens)} read, {figures.count(usage.output_tokens)} written{counted}",
    )
    details = {
        "from cache": usage.cache_read_tokens,
        "to cache": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
        "audio read": usage.input_audio_tokens,
        "audio written": usage.output_audio_tokens,
    }
    known = [f"{figures.count(number)} {name}" for name, number in details.items() if number]
    if known:
        yield "of these", ", ".join(known)
    yield "cost", figures.money(entry.cost.amount) + (f" by {entry.cost.row}" if entry.cost.row else "")
    first = f", first token after {figures.milliseconds(call.first_token_ms)}" if call.first_token_ms else ""
    yield "took", figures.milliseconds(call.duration_ms) + first
    yield "sizes", f"{figures.size(call.request_bytes)} in, {figures.size(call.answer_bytes)} out"
    for loss in call.losses:
        yield "lost", loss
    if call.decision is not None:
        yield "decision", in_one_line(call.decision)


def _copies(mirrors: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    for one in mirrors:
        yield "copied to", f"{model_of(one) or 'nobody'}: {one.call.outcome}, {one.call.id}"


_REASONS = {"state": "it made the reasoning state in the request", "policy": "a policy chose it"}


def attempt_lines(attempts: list[Attempt]) -> Iterator[str]:
    """A line for each attempt."""
    if not attempts:
        yield "none: nobody was asked"
    for number, one in enumerate(attempts, start=1):
        status = f"HTTP {one.status}" if one.status is not None else "no status"
        error = f", {one.error}" if one.error else ""
        reason = "" if one.reason == "incumbent" else f" ({_REASONS.get(one.reason, one.reason)})"
        first = f", first after {figures.milliseconds(one.first_ms)}" if one.first_ms is not None else ""
        span = f"{figures.milliseconds(one.start_ms)} to {figures.milliseconds(one.end_ms)}"
        yield f"{number}. {one.provider}/{one.model}{reason}: {one.outcome}, {status}{error}; {span}{first}"


def _opinions(said: Sequence[Feedback], key_names: Mapping[str, str]) -> Iterator[str]:
    for one in said:
        value = {"flag": "good" if one.number else "bad", "number": f"{one.number}"}.get(one.kind)
        yield f"  {plain(one.name)}{f': {value}' if value else ''}, by {plain(key_names.get(one.by, one.by))}"
        for what, words in (("says", one.text), ("would have been right", one.correction)):
            if words is not None:
                yield f"    {what}:\n{indent(plain(words), 6 * ' ')}"


def _body(name: str, entry: Entry, body: bytes | None) -> str:
    if body is None:
        return f"{name}\n  not kept: {why_not_kept(entry, name)}"
    text = body.decode(errors="replace")
    if text.startswith(("data:", "event:", ":")):
        return f"{name} (a stream, put together)\n{_indented(_written(body))}"
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        text = msgspec.json.format(body, indent=2).decode()
    return f"{name}\n{_indented(text)}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in plain(text).splitlines())


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[msgspec.Raw] = []


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []
    error: msgspec.Raw | None = None


def _written(body: bytes) -> str:
    """What the events of a stream add up to; events of another form are shown as they are."""
    text = ""
    splitter = EventSplitter()
    for event in (*splitter.feed(body), splitter.take_rest()):
        data = data_of(event)
        if data is None or data == b"[DONE]":
            continue
        try:
            chunk = msgspec.json.decode(data, type=_Chunk)
        except msgspec.DecodeError:
            text += f"\n{data.decode(errors='replace')}\n"
            continue
        for choice in chunk.choices:
            delta = choice.delta
            text += (delta.reasoning_content or "") + (delta.content or "") + (delta.refusal or "")
            text += "".join(f"\n{bytes(call).decode(errors='replace')}" for call in delta.tool_calls)
        if chunk.error is not None:
            text += f"\n{bytes(chunk.error).decode(errors='replace')}"
    return text
