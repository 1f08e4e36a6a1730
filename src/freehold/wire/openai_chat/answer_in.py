"""A whole answer taken apart."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.fields import Fields
from freehold.core.parts import Citation, Part, Refusal, State, Text
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.openai_chat.calls import call_of, fresh_id, legacy_call_of, state_in
from freehold.wire.openai_chat.citations import sources_of
from freehold.wire.openai_chat.content_in import content_of, parts_of
from freehold.wire.openai_chat.messages_in import finish_texts, spoken
from freehold.wire.openai_chat.names import NAME, packed
from freehold.wire.openai_chat.reasoning import reasoning_of
from freehold.wire.openai_chat.stops import stop_of
from freehold.wire.openai_usage import read_usage
from freehold.wire.reading import Object, Unreadable, is_text, plain, without_halves


def decode_answer(body: bytes) -> Answer:
    """Raises NotAnAnswer."""
    try:
        try:
            if not body.isascii():
                body.decode()
            return _decode(Object(body))
        except Unreadable:
            mended = without_halves(body)
            if mended == body:
                raise
            return _decode(Object(mended))
    except UnicodeDecodeError as error:
        raise NotAnAnswer(f"it is not UTF-8 (byte {error.start})") from None
    except (Unreadable, msgspec.DecodeError, RecursionError) as error:
        raise NotAnAnswer(str(error)) from None


def own_state(data: str, kind: str) -> State:
    """State as its maker sent it."""
    return State(data=data, kind=kind)  # type: ignore[arg-type]


def _decode(body: Object) -> Answer:
    error = body.take_raw("error")
    choices = body.take_objects("choices")
    if error is not None and not choices:
        raise Unreadable("error", f"says: {error[:500].decode(errors='replace')}")
    if not choices:
        raise Unreadable("choices", "is missing or empty")
    answer = Answer(
        id=body.take("id", str) or None,
        model=body.take("model", str) or None,
        created=_seconds(body),
        raw_usage=body.take_raw("usage"),
        service_tier=body.take("service_tier", str) or None,
        fingerprint=body.take("system_fingerprint", str) or None,
        dialect=NAME,
    )
    if answer.raw_usage is None:
        answer.raw_usage = _usage_of_groq(body)
    answer.usage = read_usage(answer.raw_usage)
    body.drop("object")
    numbered = sorted(((choice.take("index", int) or 0, at) for at, choice in enumerate(choices)))
    answer.choices = [_choice(choices[at]) for _, at in numbered]
    answer.extra = body.rest()
    if error is not None:
        answer.extra["error"] = msgspec.Raw(error)
    _cite(answer)
    return answer


def _seconds(body: Object) -> int | None:
    created = body.take("created", float)
    return int(created) if created else None


def _usage_of_groq(body: Object) -> bytes | None:
    """Groq has it in a corner of its own too, and sometimes only there."""
    raw = body.rest().get("x_groq")
    return None if raw is None else Object(raw, "x_groq").take_raw("usage")


def _choice(choice: Object) -> Choice:
    message = choice.take_object("message") or Object(b"{}")
    parts = _parts(message)
    word = choice.take("finish_reason", str)
    found = Choice(parts=parts)
    logprobs = choice.take_raw("logprobs")
    if logprobs is not None and b"[" in logprobs:
        found.logprobs = logprobs
    extra: Fields = choice.rest()
    met = extra.get("stop_reason")
    found.stop = stop_of(word, parts, str(plain(met)) if met is not None and is_text(met) else None)
    rest = message.rest()
    found.extra = {**extra, "message": packed(rest)} if rest else extra
    return found


def _parts(message: Object) -> list[Part]:
    message.drop("role")
    parts: list[Part] = [*reasoning_of(message, own_state)]
    parts += content_of(message, own_state)[0]
    refusal = message.take("refusal", str)
    if refusal:
        parts.append(Refusal(text=refusal))
    parts += spoken(message)
    pictures = message.take_raw("images")
    if pictures is not None:
        parts += parts_of(pictures, message.place("images"), own_state)
    parts += [call_of(call, fresh_id, own_state) for call in message.take_objects("tool_calls") or ()]
    legacy = message.take_object("function_call")
    call = None if legacy is None else legacy_call_of(legacy, fresh_id)
    if call is not None:
        parts.append(call)
    finish_texts(message, parts, state_in(message, own_state))
    return [part for part in parts if part != _NOTHING]


_NOTHING = Text()


def _cite(answer: Answer) -> None:
    """Perplexity's sources, which its texts name by number, are put to the text of each choice."""
    sources: list[Citation] = sources_of(answer.extra.get("citations"), answer.extra.get("search_results"))
    if not sources:
        return
    for choice in answer.choices:
        for part in choice.parts:
            if isinstance(part, Text) and not part.citations:
                part.citations = sources
                break
