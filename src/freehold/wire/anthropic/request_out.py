"""Requests for providers."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.anthropic.abilities import is_known
from freehold.wire.anthropic.caching import put_cache
from freehold.wire.anthropic.outgoing import Outgoing, outgoing
from freehold.wire.anthropic.schema import reduced
from freehold.wire.anthropic.thinking import Thinking, encode_thinking
from freehold.wire.anthropic.tools_out import encode_tool_choice, encode_tools
from freehold.wire.anthropic.turns import calls_unsigned, encode_conversation
from freehold.wire.dialect import Recipient
from freehold.wire.unsupported import without_unsupported

_DEFAULT_MAX_TOKENS = 8192
_TIERS = {
    "auto": "auto",
    "default": "standard_only",
    "standard": "standard_only",
    "standard_only": "standard_only",
}
_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."
_MATCHING = f"{_JSON} It must match this JSON Schema:\n"
_NOWHERE = ("min_p", "seed", "logit_bias", "prediction", "safety_settings", "verbosity")
"""Fields that the dialect has no place for, each a loss when it is set."""
_PENALTIES = ("presence_penalty", "frequency_penalty")


def encode_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The body for a provider. Raises BadRequest where nothing sensible can be sent."""
    out = outgoing(request, recipient, losses)
    request = without_unsupported(request, recipient.quirks.unsupported, losses)
    system, turns = encode_conversation(request.messages, out)
    thinking = encode_thinking(request, out)
    if thinking.demands_state and calls_unsigned(turns) and (is_known(recipient.model) or not out.same):
        losses.add("reasoning.effort")  # their reasoning is not here; the provider refuses to think on
        thinking = Thinking(None, thinking.effort)
    body: dict[str, object] = {"model": recipient.model, "max_tokens": _max_tokens(request, thinking, out)}
    output, in_words = _output(request, thinking, out)
    if in_words is not None:
        system.append({"type": "text", "text": in_words})
    if system:
        body["system"] = system
    body["messages"] = [turn.fields() for turn in turns]
    tools = encode_tools(request, out)
    if tools:
        body["tools"] = tools
    choice = encode_tool_choice(request, tools, out)
    if choice is not None:
        body["tool_choice"] = choice
    if thinking.field is not None:
        body["thinking"] = thinking.field
    if output:
        body["output_config"] = output
    _put_sampling(body, request, thinking, out)
    _put_rest(body, request, out)
    _lose_rest(request, out)
    extra = {name: value for name, value in request.extra.items() if name != "output_config" or not out.same}
    body.update(out.own(extra))
    return msgspec.json.encode(body)


def _max_tokens(request: ChatRequest, thinking: Thinking, out: Outgoing) -> int:
    """The bound, which the dialect demands, and which counts reasoning too: it has to leave room for an answer."""
    given = request.max_tokens
    if given is None:
        return (out.recipient.quirks.default_max_tokens or _DEFAULT_MAX_TOKENS) + thinking.budget
    if not thinking.demands_state or given > thinking.budget or out.same:
        return given
    out.losses.add("max_tokens")
    return given + thinking.budget


def _output(request: ChatRequest, thinking: Thinking, out: Outgoing) -> tuple[dict[str, object], str | None]:
    """`output_config`, and in which words the form of the answer is asked for where it cannot be given."""
    config: dict[str, object] = {}
    if out.same and "output_config" in request.extra:
        config.update(msgspec.json.decode(request.extra["output_config"], type=Fields))
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return config, None
    bound = out.recipient.quirks.schema and (out.abilities.schema or out.same)
    if wanted.kind == "schema" and wanted.schema is not None and bound:
        config["format"] = _format(wanted, wanted.schema, out)
        return config, None
    out.losses.add("response_format")
    return config, _JSON if wanted.schema is None else _MATCHING + wanted.schema.decode()


def _format(wanted: ResponseFormat, schema: bytes, out: Outgoing) -> dict[str, object]:
    """A schema's name tells the model nothing here, and it is always followed strictly; a description is lost."""
    if wanted.description is not None:
        out.losses.add("field", "description")
    given = msgspec.Raw(schema) if out.same else reduced(schema, out.losses)
    return {"type": "json_schema", "schema": given, **out.own(wanted.extra)}


def _put_sampling(body: dict[str, object], request: ChatRequest, thinking: Thinking, out: Outgoing) -> None:
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if temperature is not None and temperature > 1:
        out.losses.add("temperature")
        temperature = 1.0
    refused = not out.abilities.sampling
    if (thinking.on and not out.same) or refused:
        # What is the default may stay unsaid; anything else is refused beside reasoning.
        if temperature not in (None, 1):
            out.losses.add("temperature")
        if top_p is not None and (refused or top_p < 0.95):
            if top_p != 1:
                out.losses.add("top_p")
            top_p = None
        if top_k is not None:
            out.losses.add("top_k")
        temperature = top_k = None
    if temperature is not None and top_p is not None and not out.same:
        if top_p != 1:
            out.losses.add("top_p")  # newer models refuse both at once
        top_p = None
    sampling = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    body.update({name: value for name, value in sampling.items() if value is not None})


def _put_rest(body: dict[str, object], request: ChatRequest, out: Outgoing) -> None:
    stop = [sequence for sequence in request.stop if sequence.strip()]
    if len(stop) < len(request.stop):
        out.losses.add("stop")  # white space alone is refused
    if stop:
        body["stop_sequences"] = stop
    if request.stream:
        body["stream"] = True
    metadata: dict[str, object] = {}
    if request.metadata is not None:
        if out.same:
            metadata.update(msgspec.json.decode(request.metadata, type=Fields))
        else:
            out.losses.add("metadata")
    user = request.user if request.user is not None else request.safety_key
    if user is not None:
        metadata["user_id"] = user
    if metadata:
        body["metadata"] = metadata
    tier = request.service_tier
    if tier is not None:
        known = tier if out.same else _TIERS.get(tier)
        if known is None:
            out.losses.add("service_tier")
        else:
            body["service_tier"] = known
    put_cache(body, request.cache)


def _lose_rest(request: ChatRequest, out: Outgoing) -> None:
    """Whether usage is wanted in the stream is no loss: it is always there."""
    lose = out.losses.add
    for name in _NOWHERE:
        if getattr(request, name) is not None:
            lose(name)
    for name in _PENALTIES:
        if getattr(request, name):
            lose(name)
    if request.n is not None and request.n > 1:
        lose("n")
    if request.logprobs or request.top_logprobs:
        lose("logprobs")
    if set(request.modalities) - {"text"} or request.audio is not None:
        lose("modalities")
    if request.store:
        lose("store")  # not to keep the answer is what happens anyway
    if request.cache_key is not None:
        lose("cache")
    if request.safety_key is not None and request.user not in (None, request.safety_key):
        lose("user")
