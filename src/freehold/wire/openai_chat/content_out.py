"""The content of messages written: a string where that says everything, else a list of parts."""

from __future__ import annotations

import msgspec

from freehold.core.parts import Foreign, Media, Message, Part, Reasoning, Text
from freehold.wire.openai_chat.media import part_of
from freehold.wire.openai_chat.names import NAME, Written, put_extra
from freehold.wire.openai_chat.outgoing import Outgoing

Content = str | list[Written | msgspec.Raw]


def content_for(message: Message, parts: list[Part], out: Outgoing) -> Content | None:
    """What `parts` of the message are as its content; None when there are none."""
    texts_only = message.role in ("system", "developer")
    written: list[Written | msgspec.Raw] = []
    for part in parts:
        piece = _piece(part, out, texts_only=texts_only)
        if piece is not None:
            written.append(piece)
    if not written:
        return None
    if len(written) == 1 and (message.plain or not out.same_dialect):
        only = written[0]
        if isinstance(only, dict) and only.keys() == {"type", "text"}:
            return str(only["text"])
    return written


def _piece(part: Part, out: Outgoing, *, texts_only: bool) -> Written | msgspec.Raw | None:
    if isinstance(part, Text):
        written: Written = {"type": "text", "text": part.text}
        out.put_cache(written, part.cache)
        put_extra(written, part.extra, out.losses, same_dialect=out.same_dialect)
        return written
    if isinstance(part, Media) and not texts_only:
        return media_for(part, out)
    if isinstance(part, Foreign) and part.dialect == NAME:
        return msgspec.Raw(part.raw)
    if isinstance(part, Reasoning):
        return _thinking(part, out)
    # Calls, results and refusals have places of their own, which their roles see to.
    if isinstance(part, Media):
        out.losses.add(part.kind)
    else:
        out.losses.add("part", part.kind if isinstance(part, Foreign) else type(part).__name__)
    return None


def _thinking(part: Reasoning, out: Outgoing) -> Written:
    """Mistral's form of it."""
    text = part.text or "\n\n".join(part.summary)
    written: Written = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
    signature = None if part.state is None else out.reasoning_state(part.state)
    if signature is not None:
        written["signature"] = signature
    put_extra(written, part.extra, out.losses, same_dialect=out.same_dialect)
    return written


def media_for(media: Media, out: Outgoing) -> Written | None:
    """A picture, sound, film or document for the provider."""
    if media.kind not in out.quirks.input_media:
        out.losses.add(media.kind)
        return None
    if media.state is not None:
        out.losses.add("reasoning.state")  # no place for it on a part
    written = part_of(media, out.losses, out.quirks.documents, same_dialect=out.same_dialect)
    if written is None:
        return None
    out.put_cache(written, media.cache)
    put_extra(written, media.extra, out.losses, same_dialect=out.same_dialect, inner=str(written["type"]))
    return written
