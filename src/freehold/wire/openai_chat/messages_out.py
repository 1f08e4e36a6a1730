"""The messages of a request written for a provider."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.core.parts import Citation, Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.wire.openai_chat.calls import signed, written_call
from freehold.wire.openai_chat.citations import annotation_of
from freehold.wire.openai_chat.content_out import Content, content_for, media_for
from freehold.wire.openai_chat.names import Written, encode, put_extra
from freehold.wire.openai_chat.outgoing import Outgoing
from freehold.wire.openai_chat.reasoning import details_of, shown_text


def written_messages(messages: list[Message], out: Outgoing) -> list[Written]:
    """Every message. The results of one turn's calls stay together; what they showed follows them."""
    written: list[Written] = []
    shown: list[Written | msgspec.Raw] = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if shown and not results:
            written.append({"role": "user", "content": shown})
            shown = []
        written += [_result(message, result, shown, out) for result in results]
        if not results or len(results) < len(message.parts):
            written.append(_message(message, out))
    if shown:
        written.append({"role": "user", "content": shown})
    return written


def _message(message: Message, out: Outgoing) -> Written:
    if message.role == "assistant":
        return _assistant(message, out)
    role = "user" if message.role == "tool" else message.role
    if role == "developer" and not out.quirks.developer_role:
        role = "system"
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Reasoning):
            out.losses.add("reasoning")
        elif isinstance(part, Refusal):
            parts.append(Text(text=part.text))
        elif not isinstance(part, ToolResult):
            parts.append(part)
    content = content_for(message, parts, out)
    written: Written = {"role": role, "content": "" if content is None else content}
    return _with_rest(written, message, out)


def _with_rest(written: Written, message: Message, out: Outgoing) -> Written:
    if message.name is not None:
        written["name"] = message.name
    put_extra(written, message.extra, out.losses, same_dialect=out.same_dialect)
    return written


def _result(
    message: Message, result: ToolResult, shown: list[Written | msgspec.Raw], out: Outgoing
) -> Written:
    """One result. Media in it, which few servers take there, are put in `shown` when another dialect sent them."""
    call_id = out.call_id(result.call_id)
    if result.failed:
        out.losses.add("tool_result.failed")
    kept: list[Part] = []
    for part in result.content:
        if isinstance(part, Media) and not out.same_dialect:
            picture = media_for(part, out)
            if picture is not None:
                out.losses.add("tool_result.media")
                shown += ({"type": "text", "text": f"Part of the result of tool call {call_id}:"}, picture)
        else:
            kept.append(part)
    content: Content = content_for(message, kept, out) or ""
    if result.cache is not None:
        mark: Written = {}
        out.put_cache(mark, result.cache)
        if mark and isinstance(content, str):
            content = [{"type": "text", "text": content, **mark}]
    written: Written = {"role": "tool", "tool_call_id": call_id, "content": content}
    if result.name is not None and out.same_dialect:
        written["name"] = result.name
    put_extra(written, result.extra, out.losses, same_dialect=out.same_dialect)
    put_extra(written, message.extra, out.losses, same_dialect=out.same_dialect)
    return written


def _assistant(message: Message, out: Outgoing) -> Written:
    written: Written = {"role": "assistant"}
    reasoning = [part for part in message.parts if isinstance(part, Reasoning)]
    in_content = out.quirks.reasoning_replay == "content"
    content = content_for(message, list(_content_parts(message, in_content=in_content)), out)
    calls = [_call(part, out) for part in message.parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in message.parts if isinstance(part, Refusal))
    said = _said_aloud(message, out)
    # OpenAI wants content unless there is something in its place; some servers want the field in any case.
    written["content"] = content if content is not None or calls or refusal or said else ""
    if refusal:
        written["refusal"] = refusal
    written.update(said)
    if reasoning and not in_content:
        _put_reasoning(written, reasoning, out)
    _put_about_text(written, message, out)
    if calls:
        written["tool_calls"] = calls
        if out.quirks.reasoning_replay == "reasoning_content":
            # DeepSeek and Moonshot refuse calls that come without, also those of other models.
            written.setdefault("reasoning_content", "")
    return _with_rest(written, message, out)


def _content_parts(message: Message, *, in_content: bool) -> Iterator[Part]:
    """What goes into the content; a spoken answer as what was said."""
    for part in message.parts:
        if isinstance(part, Media):
            if part.kind == "audio" and part.transcript and not part.file_id:
                yield Text(text=part.transcript)
        elif isinstance(part, Reasoning):
            if in_content and (part.text or part.summary):
                yield part
        elif not isinstance(part, ToolCall | ToolResult | Refusal):
            yield part


def _said_aloud(message: Message, out: Outgoing) -> Written:
    """Sounds and pictures that the model made."""
    written: Written = {}
    pictures: list[Written] = []
    for part in message.parts:
        if not isinstance(part, Media):
            continue
        if part.kind == "audio" and part.file_id is not None and out.same_dialect:
            written["audio"] = {"id": part.file_id}
        elif part.kind == "image" and out.same_dialect:
            picture = media_for(part, out)
            if picture is not None:
                pictures.append(picture)
        else:
            out.losses.add("file" if part.file_id is not None else part.kind)
    if pictures:
        written["images"] = pictures
    return written


def _put_reasoning(written: Written, parts: list[Reasoning], out: Outgoing) -> None:
    """Earlier reasoning, where the provider takes it; its state to its maker alone."""
    field = out.quirks.reasoning_replay
    details: list[Written] = []
    signed_by_it = False
    for part in parts:
        if part.state is not None and (part.state.origin is not None or field != "none"):
            signed_by_it = out.reasoning_state(part.state) is not None or signed_by_it
        elif part.state is not None:
            out.losses.add("reasoning.state")
        if not out.same_dialect:
            for name in part.extra:
                out.losses.add("field", name)
    if signed_by_it or field == "reasoning_details":
        for part in parts:
            details += details_of(part, out.reasoning_state, len(details), same_dialect=True)
    text = shown_text(parts)
    if details:
        written["reasoning_details"] = details
    if field in ("reasoning_content", "reasoning"):
        if text:
            written[field] = text
    elif field == "none" and text and not details:
        out.losses.add("reasoning")


def _put_about_text(written: Written, message: Message, out: Outgoing) -> None:
    """Where the texts are from, and Gemini's signature of them."""
    annotations: list[Written] = []
    offset = 0
    for part in message.parts:
        if isinstance(part, Text):
            for citation in part.citations:
                _annotate(annotations, citation, offset, out)
            if part.state is not None:
                signature = out.state(part.state)
                if signature is not None:
                    written["extra_content"] = signed(signature)
            offset += len(part.text)
    if annotations:
        written["annotations"] = annotations


def _annotate(annotations: list[Written], citation: Citation, offset: int, out: Outgoing) -> None:
    if not out.same_dialect:
        out.losses.add("citations")  # no field of a request's messages that all servers take
        return
    annotation = annotation_of(citation, out.losses, same_dialect=True, offset=offset)
    if annotation is not None:
        annotations.append(annotation)


def _call(call: ToolCall, out: Outgoing) -> Written:
    if call.cache is not None:
        out.losses.add("cache")
    if call.custom and not out.quirks.custom_tools:
        call = msgspec.structs.replace(
            call, custom=False, arguments=encode({"input": call.arguments}).decode()
        )
    written = written_call(call, out.state, same_dialect=False)
    written["id"] = out.call_id(call.id)
    put_extra(written, call.extra, out.losses, same_dialect=out.same_dialect)
    return written
