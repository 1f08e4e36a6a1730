"""The internal form's settings as `generationConfig`."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.dialect import Recipient
from freehold.wire.gemini.fields import NAME, Json, spread
from freehold.wire.gemini.reasoning import wish_out

_PLAIN = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "n": "candidateCount",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""Names of settings that differ in nothing but their name."""


def generation_out(request: ChatRequest, recipient: Recipient, losses: Losses) -> Json:
    """The object; empty when there is nothing to say."""
    own = request.dialect == NAME
    config: Json = {}
    for name, wire_name in _PLAIN.items():
        value = getattr(request, name)
        if value is not None:
            config[wire_name] = value
    if request.stop:
        config["stopSequences"] = request.stop
    if request.modalities:
        config["responseModalities"] = [word.upper() for word in request.modalities]
    if request.audio is not None:
        _audio_out(config, request.audio, losses)
    if request.response_format is not None:
        _format_out(config, request.response_format, recipient, losses, own=own)
    if request.reasoning is not None:
        thinking = wish_out(request.reasoning, recipient.model, losses, own=own)
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _audio_out(config: Json, audio: bytes, losses: Losses) -> None:
    try:
        wish = msgspec.json.decode(audio, type=dict[str, object])
    except msgspec.DecodeError:
        wish = {}
    voice = wish.get("voice")
    if isinstance(voice, str):
        config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    if not isinstance(voice, str) or wish.get("format", "pcm16") != "pcm16":
        losses.add("field", "audio")  # Gemini speaks in PCM alone


def _format_out(
    config: Json, wish: ResponseFormat, recipient: Recipient, losses: Losses, *, own: bool
) -> None:
    """The name of a schema, and strictness, mean nothing here: every schema is held to."""
    quirks = recipient.quirks
    if wish.kind == "schema" and quirks.schema:
        config["responseMimeType"] = "application/json"
        if wish.schema is not None:
            config["responseJsonSchema"] = msgspec.Raw(wish.schema)
        if wish.description is not None:
            losses.add("field", "description")
    elif wish.kind != "text":
        if wish.kind == "schema" or not quirks.json:
            losses.add("response_format")
        if quirks.json:
            config["responseMimeType"] = "application/json"
    elif own and not wish.extra:
        config["responseMimeType"] = "text/plain"
    if own:
        config.update({name: raw for name, raw in wish.extra.items() if name in config})
        spread(config, wish.extra)
    else:
        for name in wish.extra:
            losses.add("field", name)


def words_for(request: ChatRequest, recipient: Recipient) -> str | None:
    """What has to be asked for in words, where the provider cannot be told the answer's form."""
    wish = request.response_format
    quirks = recipient.quirks
    if wish is None or wish.kind == "text":
        return None
    if wish.kind == "schema" and not quirks.schema and wish.schema is not None:
        return f"Answer with nothing but JSON that follows this JSON Schema: {wish.schema.decode()}"
    return None if quirks.json or wish.kind == "schema" else "Answer with nothing but a JSON object."
