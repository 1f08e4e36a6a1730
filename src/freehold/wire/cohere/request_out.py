"""Requests for Cohere's chat."""

from __future__ import annotations

import re

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, ReasoningWish, ResponseFormat
from freehold.wire.cohere.messages_out import MessageWriter
from freehold.wire.cohere.tools_out import write_tools
from freehold.wire.dialect import Quirks, Recipient
from freehold.wire.unsupported import without_unsupported

NAME = "cohere"
Block = dict[str, object]

_UNTHINKING = re.compile(
    r"command(?:-light|-nightly)?$|command-r|command-a-(?:03|vision|translate)|c4ai|aya|tiny-aya"
)
"""Models that do not reason. Those that are not known are taken to."""
_MOST_STOPS = 5
_MOST_P = 0.99
_LEAST_P = 0.01
_MOST_K = 500


def encode_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The body for a provider."""
    request = without_unsupported(request, recipient.quirks.unsupported, losses)
    thinks = _UNTHINKING.match(recipient.model.rsplit("/", 1)[-1]) is None
    writer = MessageWriter(request, recipient, losses, thinks=thinks)
    writer.write(request.messages)
    body: Block = {"model": recipient.model, "messages": writer.messages, "stream": request.stream}
    if writer.documents:
        body["documents"] = writer.documents
    write_tools(request, body, losses)
    _write_format(request.response_format, recipient.quirks, body, losses)
    if request.reasoning is not None:
        _write_thinking(request.reasoning, thinks, body, losses)
    _write_sampling(request, body, losses)
    for name, raw in request.extra.items():
        if request.dialect == NAME:
            body[name] = raw
        else:
            losses.add("field", name)
    _declare(request, losses)
    return msgspec.json.encode(body)


def _write_format(wanted: ResponseFormat | None, quirks: Quirks, body: Block, losses: Losses) -> None:
    if wanted is None or wanted.kind == "text":
        return
    for name in wanted.extra:
        losses.add("field", name)
    if wanted.description:
        losses.add("field", "description")
    # Beside tools and documents Cohere takes no form of the answer.
    free = "tools" not in body and "documents" not in body
    if free and quirks.json and (wanted.kind == "json" or wanted.schema is None):
        body["response_format"] = {"type": "json_object"}
        return
    if free and quirks.schema and wanted.schema is not None:
        body["response_format"] = {"type": "json_object", "json_schema": msgspec.Raw(wanted.schema)}
        return
    losses.add("response_format")
    words = "Answer with one valid JSON value and nothing else: no explanation, no code fence."
    if wanted.schema is not None:
        words += f" It must follow this JSON Schema: {wanted.schema.decode('utf-8', 'replace')}"
    messages = body["messages"]
    assert isinstance(messages, list)
    messages.insert(_behind_system(messages), {"role": "system", "content": words})


def _behind_system(messages: list[Block]) -> int:
    return next((at for at, message in enumerate(messages) if message["role"] != "system"), len(messages))


def _write_thinking(wish: ReasoningWish, thinks: bool, body: Block, losses: Losses) -> None:
    for name in wish.extra:
        losses.add("field", name)
    off = wish.mode == "disabled" or wish.effort == "none" or wish.budget == 0
    if off:
        if thinks:
            body["thinking"] = {"type": "disabled"}
        return
    if wish.summary in ("concise", "detailed"):
        losses.add("reasoning.shown")
    elif wish.shown is False:
        losses.suspect("reasoning.shown")
    budget = wish.budget if wish.budget is not None and wish.budget > 0 else None
    if wish.effort is not None or (wish.mode is not None and not thinks):
        # There is no effort, only a bound.
        losses.add("reasoning.effort")
    if not thinks:
        if budget is not None:
            losses.add("reasoning.budget")
    elif budget is not None:
        body["thinking"] = {"type": "enabled", "token_budget": budget}
    elif wish.effort is not None or wish.mode is not None or wish.budget == -1:
        body["thinking"] = {"type": "enabled"}


def _write_sampling(request: ChatRequest, body: Block, losses: Losses) -> None:
    for name, value in (
        ("max_tokens", request.max_tokens),
        ("temperature", request.temperature),
        ("seed", request.seed),
    ):
        if value is not None:
            body[name] = value
    _write_within(request.top_p, (_LEAST_P, _MOST_P), ("p", "top_p"), body, losses)
    _write_within(request.top_k, (0, _MOST_K), ("k", "top_k"), body, losses)
    for name, penalty in (
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ):
        _write_within(penalty, (0, 1), (name, name), body, losses)
    if request.stop:
        body["stop_sequences"] = request.stop[:_MOST_STOPS]
        if len(request.stop) > _MOST_STOPS:
            losses.add("stop")
    if request.logprobs:
        body["logprobs"] = True
    if request.top_logprobs:
        losses.add("logprobs")


def _write_within(
    value: float | None, bounds: tuple[float, float], names: tuple[str, str], body: Block, losses: Losses
) -> None:
    """The value as near as it is taken; `names` are Cohere's and the loss's."""
    if value is None:
        return
    taken = min(max(value, bounds[0]), bounds[1])
    body[names[0]] = taken
    if taken != value:
        losses.add(names[1])


def _declare(request: ChatRequest, losses: Losses) -> None:
    """What Cohere has no place for. Whether usage is wanted in the stream means nothing here: it always comes."""
    lost = {
        "cache": request.cache is not None or request.cache_key is not None,
        "logit_bias": request.logit_bias is not None,
        "metadata": request.metadata is not None,
        "min_p": request.min_p is not None,
        "modalities": any(word != "text" for word in request.modalities) or request.audio is not None,
        "n": request.n is not None and request.n > 1,
        "parallel_tool_calls": request.parallel_tool_calls is False and bool(request.tools),
        "prediction": request.prediction is not None,
        "safety_settings": request.safety_settings is not None,
        "service_tier": request.service_tier not in (None, "auto", "default", "standard", "standard_only"),
        "store": bool(request.store),
        "user": request.user is not None or request.safety_key is not None,
        "verbosity": request.verbosity not in (None, "medium"),
    }
    for name, is_lost in lost.items():
        if is_lost:
            losses.add(name)
