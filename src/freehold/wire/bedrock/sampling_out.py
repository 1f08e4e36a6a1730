"""How long an answer of Converse may be and how it is drawn."""

from __future__ import annotations

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.bedrock.families import Family
from freehold.wire.bedrock.reasoning_out import Thinking

Block = dict[str, object]

_LEAST_TOP_P = 0.95
"""Of a Claude that thinks."""


def inference_config(
    request: ChatRequest, family: Family, thought: Thinking, losses: Losses
) -> tuple[Block, Block]:
    """`inferenceConfig`, and what goes into `additionalModelRequestFields` beside it."""
    config: Block = {}
    more: Block = {}
    if request.max_tokens is not None:
        if thought.nova_high:
            losses.add("max_tokens")
        else:
            config["maxTokens"] = max(request.max_tokens, 1)
    samples = family.samples and not thought.nova_high
    _write_temperature(request, samples and not thought.claude, config, losses)
    if request.top_p is not None and request.top_p != 1:
        alone = not (family.one_sampler and "temperature" in config)
        if samples and alone and not (thought.claude and request.top_p < _LEAST_TOP_P):
            config["topP"] = min(max(request.top_p, 0.0), 1.0)
        else:
            losses.add("top_p")
    if request.top_k is not None:
        if family.top_k and samples and not thought.claude:
            more = _nested(family.top_k, request.top_k)
        else:
            losses.add("top_k")
    stop = [sequence for sequence in request.stop if sequence.strip()]
    if len(stop) < len(request.stop):
        losses.add("stop")
    if stop:
        config["stopSequences"] = stop
    return config, more


def _write_temperature(request: ChatRequest, free: bool, config: Block, losses: Losses) -> None:
    if request.temperature is None:
        return
    if not free:
        # The one value that is the model's own says nothing.
        if request.temperature != 1:
            losses.add("temperature")
        return
    if request.temperature > 1:
        losses.add("temperature")
    config["temperature"] = min(max(request.temperature, 0.0), 1.0)


def _nested(path: tuple[str, ...], value: int) -> Block:
    block: object = value
    for name in reversed(path):
        block = {name: block}
    assert isinstance(block, dict)
    return block
