"""`generationConfig` into the internal form."""

from __future__ import annotations

import msgspec

from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.gemini.fields import Camel, encode, inner
from freehold.wire.gemini.reasoning import wish_in
from freehold.wire.gemini.schema import json_schema
from freehold.wire.reading import is_text


def generation_in(request: ChatRequest, config: Camel) -> None:
    """Fills in what the object says; what nobody knows becomes `generationConfig.…` among the extras."""
    request.temperature = config.take_number("temperature")
    request.top_p = config.take_number("topP")
    request.top_k = config.take_whole("topK")
    request.max_tokens = config.take_whole("maxOutputTokens")
    request.presence_penalty = config.take_number("presencePenalty")
    request.frequency_penalty = config.take_number("frequencyPenalty")
    request.seed = config.take_whole("seed")
    request.n = config.take_whole("candidateCount")
    request.logprobs = config.take("responseLogprobs", bool)
    request.top_logprobs = config.take_whole("logprobs")
    request.stop = _words(config, "stopSequences")
    request.modalities = [word.lower() for word in _words(config, "responseModalities")]
    request.response_format = _format_in(config)
    thinking = config.take_object("thinkingConfig")
    if thinking is not None:
        request.reasoning = wish_in(thinking)
    speech = config.take_raw("speechConfig")
    extra = config.rest()
    if speech is not None:
        voice = _single_voice(speech)
        if voice is None:
            extra["speechConfig"] = msgspec.Raw(speech)
        else:
            request.audio = encode({"voice": voice, "format": "pcm16"})
    request.extra.update(inner("generationConfig", extra))


def _words(config: Camel, name: str) -> list[str]:
    raw = config.take_raw(name)
    if raw is None:
        return []
    if is_text(raw):
        return [msgspec.json.decode(raw, type=str)]
    place = Camel(encode({name: msgspec.Raw(raw)}), config.path)
    return place.take(name, list[str]) or []


def _format_in(config: Camel) -> ResponseFormat | None:
    mime_type = config.take("responseMimeType", str)
    schema = config.take_raw("responseJsonSchema")
    older = config.take_raw("responseSchema")
    if schema is None and older is not None:
        schema = json_schema(older)
    if schema is not None:
        extra = {}
        if mime_type not in (None, "application/json"):
            extra["responseMimeType"] = msgspec.Raw(encode(mime_type))
        return ResponseFormat(kind="schema", schema=schema, extra=extra)
    if mime_type is None:
        return None
    if mime_type == "application/json":
        return ResponseFormat(kind="json")
    extra = {} if mime_type == "text/plain" else {"responseMimeType": msgspec.Raw(encode(mime_type))}
    return ResponseFormat(kind="text", extra=extra)


class _Prebuilt(msgspec.Struct, forbid_unknown_fields=True):
    voiceName: str  # noqa: N815


class _Voice(msgspec.Struct, forbid_unknown_fields=True):
    prebuiltVoiceConfig: _Prebuilt  # noqa: N815


class _Speech(msgspec.Struct, forbid_unknown_fields=True):
    voiceConfig: _Voice  # noqa: N815


def _single_voice(raw: bytes) -> str | None:
    """The voice, when the object says nothing but that."""
    snake = raw.replace(b"voice_config", b"voiceConfig").replace(
        b"prebuilt_voiceConfig", b"prebuiltVoiceConfig"
    )
    try:
        found = msgspec.json.decode(snake.replace(b"voice_name", b"voiceName"), type=_Speech)
    except msgspec.DecodeError:
        return None
    return found.voiceConfig.prebuiltVoiceConfig.voiceName
