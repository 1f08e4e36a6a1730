"""The messages of a request."""

from __future__ import annotations

from freehold.core.parts import Media, Message, Part, Refusal, State, Text, ToolCall, ToolResult
from freehold.wire.openai_chat.calls import CallIds, call_of, legacy_call_of, state_in
from freehold.wire.openai_chat.citations import citations_of
from freehold.wire.openai_chat.content_in import content_of, parts_of
from freehold.wire.openai_chat.names import raw
from freehold.wire.openai_chat.reasoning import reasoning_of
from freehold.wire.reading import Object, Unreadable
from freehold.wire.sealing import unseal

_ROLES = ("system", "developer", "user")


def messages_of(messages: list[Object]) -> list[Message]:
    """Every message, in order. Raises Unreadable."""
    ids = CallIds()
    return [_message(message, ids) for message in messages]


def _message(message: Object, ids: CallIds) -> Message:
    role = message.need("role", str)
    name = message.take("name", str)
    if role in ("tool", "function"):
        return _result(message, name, ids)
    if role == "assistant":
        return _assistant(message, name, ids)
    if role not in _ROLES:
        raise Unreadable(message.place("role"), f"is none of the known roles: `{role[:64]}`")
    parts, plain = content_of(message, unseal)
    return Message(role=role, name=name, parts=parts, plain=plain, extra=message.rest())  # type: ignore[arg-type]


def _result(message: Object, name: str | None, ids: CallIds) -> Message:
    """A tool's result. The legacy role `function` names the function alone."""
    call_id = message.take("tool_call_id", str) or ids.of_result()
    parts, plain = content_of(message, unseal)
    content = [part for part in parts if not isinstance(part, Refusal)]
    result = ToolResult(call_id=call_id, name=name, content=content)  # type: ignore[arg-type]
    return Message(role="tool", parts=[result], plain=plain, extra=message.rest())


def _assistant(message: Object, name: str | None, ids: CallIds) -> Message:
    parts: list[Part] = [*reasoning_of(message, unseal)]
    content, plain = content_of(message, unseal)
    parts += content
    refusal = message.take("refusal", str)
    if refusal:
        parts.append(Refusal(text=refusal))
    parts += spoken(message)
    pictures = message.take_raw("images")
    if pictures is not None:
        parts += parts_of(pictures, message.place("images"), unseal)
    parts += [call_of(call, ids.of_call, unseal) for call in message.take_objects("tool_calls") or ()]
    legacy = message.take_object("function_call")
    call = None if legacy is None else legacy_call_of(legacy, ids.of_call)
    if call is not None:
        parts.append(call)
    finish_texts(message, parts, state_in(message, unseal))
    return Message(role="assistant", name=name, parts=parts, plain=plain, extra=message.rest())


def spoken(message: Object) -> list[Part]:
    """What the model said aloud. In a request it is named by the id of the answer it was in."""
    audio = message.take_object("audio")
    if audio is None:
        return []
    audio_id, data = audio.take("id", str), audio.take("data", str)
    expires = audio.take("expires_at", int)
    transcript = audio.take("transcript", str)
    if not (audio_id or data or transcript):
        return []
    media = Media(kind="audio", data=data or None, transcript=transcript or None)
    media.extra = audio.rest()
    if not data:
        media.file_id = audio_id
    elif audio_id:
        media.extra["id"] = raw(audio_id)
    if expires:
        media.extra["expires_at"] = raw(expires)
    return [media]


def finish_texts(message: Object, parts: list[Part], state: State | None) -> None:
    """What is said beside the text about it: where it is from, and Gemini's signature.

    An empty text beside other things is nothing: some clients write it where null is meant.
    """
    citations = citations_of(message.take_objects("annotations") or [])
    text = next((part for part in parts if isinstance(part, Text)), None)
    if text is None and (citations or state is not None):
        text = Text()
        at = next((at for at, part in enumerate(parts) if isinstance(part, ToolCall)), len(parts))
        parts.insert(at, text)
    if text is not None:
        text.citations, text.state = citations, state
    if len(parts) > 1:
        parts[:] = [part for part in parts if part != _EMPTY]


_EMPTY = Text()
