"""What the model thought: `reasoning_content`, `reasoning`, and OpenRouter's `reasoning_details`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from freehold.core.parts import Reasoning, State
from freehold.wire.openai_chat.names import Written, decode_text
from freehold.wire.reading import Object, is_list, is_text

StateReader = Callable[[str, str], State]
"""Text and kind of what stands for a state, as a client or a provider sent it."""
StateWriter = Callable[[State], str | None]
"""The state as its receiver may have it, None when it may not."""


def reasoning_of(message: Object, read_state: StateReader) -> list[Reasoning]:
    """What the message says in any of the places. The details know best; the text repeats them."""
    text = _first_text(message)
    parts: list[Reasoning] = []
    for detail in message.take_objects("reasoning_details") or ():
        add_detail(parts, detail, read_state)
    if text:
        if not parts:
            parts.append(Reasoning(text=text))
        elif not any(part.text or part.summary for part in parts):
            parts[0].text = text
    return parts


def _first_text(message: Object) -> str:
    first = ""
    for name in ("reasoning_content", "reasoning", "reasoning_text"):
        raw = message.take_raw(name)
        if raw is not None and is_text(raw):
            first = first or decode_text(raw, message.place(name))
    return first


def add_detail(parts: list[Reasoning], detail: Object, read_state: StateReader) -> None:
    """One of the details: a part of its own, or what is encrypted of the part before it."""
    kind = detail.take("type", str) or "reasoning.text"
    part = Reasoning(item_id=detail.take("id", str))
    form = detail.take_raw("format")
    detail.drop("index")
    if kind == "reasoning.summary":
        part.summary = [detail.take("summary", str) or ""]
    elif kind == "reasoning.encrypted":
        data = detail.take("data", str)
        if data:
            part.state = read_state(data, kind_of_encrypted(form or b""))
    else:
        part.text = detail.take("text", str) or ""
        signature = detail.take("signature", str)
        part.state = read_state(signature, "signature") if signature else None
    part.extra = detail.rest() if form is None else {"format": msgspec.Raw(form), **detail.rest()}
    if kind == "reasoning.encrypted" and parts and _belong_together(parts[-1], part):
        parts[-1].state = part.state
        parts[-1].item_id = parts[-1].item_id or part.item_id
    else:
        parts.append(part)


def kind_of_encrypted(form: bytes) -> Literal["redacted", "encrypted"]:
    """What the data of an encrypted detail is, by its `format` as JSON."""
    return "redacted" if b'"anthropic' in form else "encrypted"


def _belong_together(shown: Reasoning, hidden: Reasoning) -> bool:
    return (
        shown.state is None
        and bool(shown.text or shown.summary)
        and shown.extra == hidden.extra
        and (shown.item_id is None or hidden.item_id is None or shown.item_id == hidden.item_id)
    )


def shown_text(parts: Iterable[Reasoning]) -> str:
    """All that is readable of it, as one text."""
    return "\n\n".join(text for part in parts if (text := part.text or "\n\n".join(part.summary)))


def details_of(part: Reasoning, write_state: StateWriter, first: int, *, same_dialect: bool) -> list[Written]:
    """The part as details, numbered from `first`."""
    details: list[Written] = []
    extra: Written = dict(part.extra) if same_dialect else {}
    if part.item_id is not None:
        extra["id"] = part.item_id
    state = part.state
    written = None if state is None else write_state(state)
    signature = written if state is not None and state.kind == "signature" else None
    if part.text or signature is not None:
        detail: Written = {"type": "reasoning.text", "text": part.text}
        if signature is not None:
            detail["signature"] = signature
        details.append(detail)
    if part.summary:
        details.append({"type": "reasoning.summary", "summary": "\n\n".join(part.summary)})
    if written is not None and signature is None:
        details.append({"type": "reasoning.encrypted", "data": written})
    return [{**detail, **extra, "index": first + at} for at, detail in enumerate(details)]


def thinking_of(part: Object, read_state: StateReader) -> Reasoning:
    """Mistral's `thinking` part: a list of texts."""
    raw = part.take_raw("thinking") or b'""'
    reasoning = Reasoning()
    if is_text(raw):
        reasoning.text = msgspec.json.decode(raw, type=str)
    elif is_list(raw):
        pieces = Object(b'{"thinking":%b}' % raw, part.path).take_objects("thinking") or ()
        reasoning.text = "".join(piece.take("text", str) or "" for piece in pieces)
    signature = part.take("signature", str)
    if signature:
        reasoning.state = read_state(signature, "signature")
    reasoning.extra = part.rest()
    return reasoning
