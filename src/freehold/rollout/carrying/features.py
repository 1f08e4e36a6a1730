"""What a request makes use of beyond plain text, in words that are the same for every dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.core.fields import Fields
from freehold.core.parts import Foreign, Media, Part, Reasoning, ToolCall, ToolResult
from freehold.core.request import ChatRequest, HostedTool, Tool
from freehold.wire.request import Request

FEATURES: dict[str, str] = {
    "tools": "functions that the application runs",
    "custom tools": "tools that take free text",
    "hosted tools": "tools that the provider runs itself",
    "tool choice": "which tool must be called",
    "one tool at a time": "at most one tool call at once",
    "json schema": "an answer in a form of its own",
    "json": "an answer that is JSON",
    "several answers": "more than one answer to a question",
    "log-probabilities": "log-probabilities of tokens",
    "token bias": "a bias for single tokens",
    "seed": "a seed",
    "penalties": "penalties for repeated words",
    "top-k": "sampling from the k likeliest",
    "stop sequences": "words at which the answer ends",
    "images": "pictures",
    "sound": "sound in or out",
    "films": "films",
    "documents": "documents in a message",
    "provider's files": "files that the provider keeps",
    "stored responses": "going on from a conversation that is kept elsewhere",
    "stored prompts": "a prompt that the provider keeps",
    "reasoning state": "reasoning that only its maker can read",
    "reasoning effort": "how much to think",
    "prefill": "an answer that begins with given words",
    "prompt caching": "marks where the prompt is cached",
    "predicted answer": "a predicted answer",
    "service tier": "a service tier",
    "streaming": "answers in pieces",
}
"""Every feature, and what it is."""

_LOSSES: dict[str, tuple[str, ...]] = {
    "tools": ("tool.function", "strict", "schema", "tool_result.failed", "tool_result.media"),
    "custom tools": ("tool.custom",),
    "hosted tools": ("tool", "part"),
    "tool choice": ("tool_choice",),
    "one tool at a time": ("parallel_tool_calls",),
    "json schema": ("response_format", "schema"),
    "json": ("response_format",),
    "several answers": ("n",),
    "log-probabilities": ("logprobs",),
    "token bias": ("logit_bias",),
    "seed": ("seed",),
    "penalties": ("presence_penalty", "frequency_penalty"),
    "top-k": ("top_k",),
    "stop sequences": ("stop",),
    "images": ("image", "image.detail", "modalities"),
    "sound": ("audio", "modalities"),
    "films": ("video",),
    "documents": ("document",),
    "provider's files": ("file",),
    "stored responses": ("conversation", "reasoning.state", "store"),
    "stored prompts": ("field.prompt",),
    "reasoning state": ("reasoning", "reasoning.state"),
    "reasoning effort": ("reasoning.effort", "reasoning.budget", "reasoning.shown"),
    "prompt caching": ("cache",),
    "predicted answer": ("prediction",),
    "service tier": ("service_tier",),
}
"""What is lost of a feature where it is not carried over. The others are carried everywhere, or ported."""
_OF_CLIENTS = ("tool.function", "tool.custom")
STORED = ("previous_response_id", "conversation")
"""Fields of a request that goes on from what is kept: an answer by Freehold, a conversation by the provider."""
_KINDS = {"image": "images", "audio": "sound", "video": "films", "document": "documents"}


def features_of(request: Request, decoded: ChatRequest) -> tuple[str, ...]:
    """Which of FEATURES a request uses, in their order."""
    used = {*_of_wishes(decoded), *_of_tools(decoded), *_of_messages(decoded)}
    if goes_on(request):
        used.add("stored responses")
    if is_given(request.fields, "prompt"):
        used.add("stored prompts")
    if request.holds_state:
        used.add("reasoning state")
    if request.stream:
        used.add("streaming")
    return tuple(name for name in FEATURES if name in used)


def lost_of(feature: str, losses: Iterable[str]) -> list[str]:
    """Those of the losses that are about a feature."""
    names = _LOSSES.get(feature, ())
    return [
        loss
        for loss in losses
        if loss in names
        or (loss not in _OF_CLIENTS and loss.startswith("tool.") and "tool" in names)
        or (loss.partition(".")[0] == "part" and "part" in names)
    ]


def goes_on(request: Request) -> bool:
    """Whether the conversation is elsewhere, and the request only goes on from it."""
    return request.continues is not None or any(is_given(request.fields, name) for name in STORED)


def is_given(fields: Fields, name: str) -> bool:
    """Whether a field says something."""
    return bytes(fields.get(name, b"null")) != b"null"


def _of_wishes(decoded: ChatRequest) -> Iterator[str]:
    wish = decoded.response_format
    said = {
        "json schema": wish is not None and wish.kind == "schema",
        "json": wish is not None and wish.kind == "json",
        "several answers": (decoded.n or 1) > 1,
        "log-probabilities": bool(decoded.logprobs or decoded.top_logprobs),
        "token bias": decoded.logit_bias is not None,
        "seed": decoded.seed is not None,
        "penalties": bool(decoded.presence_penalty or decoded.frequency_penalty),
        "top-k": decoded.top_k is not None,
        "stop sequences": bool(decoded.stop),
        "sound": "audio" in decoded.modalities or decoded.audio is not None,
        "images": "image" in decoded.modalities,
        "reasoning effort": decoded.reasoning is not None,
        "prompt caching": decoded.cache is not None or decoded.cache_key is not None,
        "predicted answer": decoded.prediction is not None,
        "service tier": decoded.service_tier not in (None, "auto", "default"),
    }
    return (name for name, is_so in said.items() if is_so)


def _of_tools(decoded: ChatRequest) -> Iterator[str]:
    for tool in decoded.tools:
        if isinstance(tool, HostedTool):
            yield "hosted tools"
        elif isinstance(tool, Tool):
            yield "custom tools" if tool.custom else "tools"
    if decoded.tool_choice is not None and decoded.tool_choice.mode in ("required", "named"):
        yield "tool choice"
    if decoded.parallel_tool_calls is False and decoded.tools:
        yield "one tool at a time"


def _of_messages(decoded: ChatRequest) -> Iterator[str]:
    for message in decoded.messages:
        for part in message.parts:
            yield from _of_part(part)
    # Pieces of one turn stand beside each other: what counts is who speaks last.
    if decoded.messages and decoded.messages[-1].role == "assistant":
        last = decoded.messages[-1].parts
        if last and not any(isinstance(part, ToolCall | Foreign) for part in last):
            yield "prefill"


def _of_part(part: Part) -> Iterator[str]:
    match part:
        case Media():
            yield "provider's files" if part.file_id is not None else _KINDS[part.kind]
        case ToolCall():
            yield "tools"
        case ToolResult():
            for one in part.content:
                if isinstance(one, Media):
                    yield from _of_part(one)
        case Reasoning() if part.state is not None:
            yield "reasoning state"
        case Foreign():
            yield "hosted tools"
    if getattr(part, "cache", None) is not None:
        yield "prompt caching"
