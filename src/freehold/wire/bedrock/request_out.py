"""Requests for Converse. The model and whether the answer is streamed are said by the address, not in the body."""

from __future__ import annotations

import re

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.bedrock.families import Family, family_of
from freehold.wire.bedrock.messages_out import MessageWriter, Turn
from freehold.wire.bedrock.reasoning_out import Thinking, give_up, thinking
from freehold.wire.bedrock.sampling_out import inference_config
from freehold.wire.bedrock.schema import narrowed
from freehold.wire.bedrock.tools_out import forces, tool_config
from freehold.wire.dialect import Recipient
from freehold.wire.unsupported import without_unsupported

NAME = "bedrock-converse"
Block = dict[str, object]

_TIERS = {
    "default": "default",
    "flex": "flex",
    "priority": "priority",
    "reserved": "reserved",
    "standard": "default",
    "standard_only": "default",
}
_LABEL = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_MOST_LABELS = 16


def encode_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The body for a provider. Raises BadRequest where nothing sensible can be sent."""
    request = without_unsupported(request, recipient.quirks.unsupported, losses)
    family = family_of(recipient.model)
    messages = [*request.messages]
    form, in_words = _output_format(
        request.response_format, recipient.quirks.schema and family.schema, family, losses
    )
    if in_words is not None:
        messages.insert(_behind_system(messages), Message(role="system", parts=[Text(text=in_words)]))
    writer = MessageWriter(request, recipient, family, losses)
    writer.write(messages)
    writer.mark_end(request.cache)
    thought = _thinking(request, writer.turns, family, losses)
    body: Block = {"messages": writer.turns}
    if writer.system:
        body["system"] = writer.system
    inference, more = inference_config(request, family, thought, losses)
    if inference:
        body["inferenceConfig"] = inference
    tools = tool_config(request, writer.called, family, losses)
    if tools is not None:
        body["toolConfig"] = tools
    if more := _merged(more, thought.fields):
        body["additionalModelRequestFields"] = more
    if family.claude is not None and request.stop:
        # Which of the sequences was met is told only to those who ask.
        body["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
    if form is not None:
        body["outputConfig"] = {"textFormat": form}
    _write_labels(request, body, losses)
    _write_tier(request.service_tier, body, losses)
    for name, raw in request.extra.items():
        if request.dialect == NAME:
            body[name] = raw
        else:
            losses.add("field", name)
    _declare(request, losses)
    return msgspec.json.encode(body)


def _behind_system(messages: list[Message]) -> int:
    """Where the system's first words end."""
    for number, message in enumerate(messages):
        if message.role not in ("system", "developer"):
            return number
    return len(messages)


def _thinking(request: ChatRequest, turns: list[Turn], family: Family, losses: Losses) -> Thinking:
    """What is asked of the model's thinking, where Claude does not refuse it."""
    thought = thinking(request.reasoning, family, request.max_tokens, Losses())
    if thought.claude and (forces(request.tool_choice) or (thought.budget and _thoughtless(turns))):
        give_up(request.reasoning, losses)
        return Thinking()
    return thinking(request.reasoning, family, request.max_tokens, losses)


def _thoughtless(turns: list[Turn]) -> bool:
    """Whether the model is in the midst of its calls without the thinking that led to them: then it must not think."""
    if len(turns) < 2 or not any("toolResult" in block for block in turns[-1].content):
        return False
    return "reasoningContent" not in turns[-2].content[0]


def _merged(first: Block, second: Block) -> Block:
    return {**first, **second}


def _output_format(
    wanted: ResponseFormat | None, possible: bool, family: Family, losses: Losses
) -> tuple[Block | None, str | None]:
    """`textFormat`, or what asks for the form in words, where it cannot be given."""
    if wanted is None or wanted.kind == "text":
        return None, None
    for name in wanted.extra:
        losses.add("field", name)
    if wanted.kind == "schema" and wanted.schema is not None and possible:
        schema = narrowed(wanted.schema, losses) if family.claude is not None else wanted.schema
        said: Block = {"schema": schema.decode("utf-8", "replace"), "name": wanted.name or "answer"}
        if wanted.description:
            said["description"] = wanted.description
        return {"type": "json_schema", "structure": {"jsonSchema": said}}, None
    losses.add("response_format")
    words = "Answer with one valid JSON value and nothing else: no explanation, no code fence."
    if wanted.schema is not None:
        words += f" It must follow this JSON Schema: {wanted.schema.decode('utf-8', 'replace')}"
    return None, words


def _write_labels(request: ChatRequest, body: Block, losses: Losses) -> None:
    """The client's labels, as `requestMetadata`, which takes few and simple ones."""
    if request.metadata is None:
        return
    try:
        labels = msgspec.json.decode(request.metadata, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        losses.add("metadata")
        return
    fit = {
        name: value
        for name, value in list(labels.items())[:_MOST_LABELS]
        if name and _LABEL.fullmatch(name) and _LABEL.fullmatch(value)
    }
    if len(fit) < len(labels):
        losses.add("metadata")
    if fit:
        body["requestMetadata"] = fit


def _write_tier(tier: str | None, body: Block, losses: Losses) -> None:
    if tier is None or tier == "auto":
        return
    if tier in _TIERS:
        body["serviceTier"] = {"type": _TIERS[tier]}
    else:
        losses.add("service_tier")


def _declare(request: ChatRequest, losses: Losses) -> None:
    """What Converse has no place for. Whether usage is wanted in the stream means nothing here: it always comes."""
    lost = {
        "audio": request.audio is not None and "audio" not in request.modalities,
        "cache": request.cache_key is not None,
        "frequency_penalty": bool(request.frequency_penalty),
        "logit_bias": request.logit_bias is not None,
        "logprobs": bool(request.logprobs) or bool(request.top_logprobs),
        "min_p": request.min_p is not None,
        "modalities": any(word != "text" for word in request.modalities),
        "n": request.n is not None and request.n > 1,
        "parallel_tool_calls": request.parallel_tool_calls is False and bool(request.tools),
        "prediction": request.prediction is not None,
        "presence_penalty": bool(request.presence_penalty),
        "safety_settings": request.safety_settings is not None,
        "seed": request.seed is not None,
        "store": bool(request.store),
        "user": request.user is not None or request.safety_key is not None,
        "verbosity": request.verbosity not in (None, "medium"),
    }
    for name, is_lost in lost.items():
        if is_lost:
            losses.add(name)
