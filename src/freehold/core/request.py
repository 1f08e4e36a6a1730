"""A request in the internal form: what every dialect's request is translated into and out of."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import CacheMark, Message


class Tool(msgspec.Struct, kw_only=True):
    """A function that the client can run."""

    name: str
    description: str | None = None
    schema: bytes | None = None
    """JSON Schema of its arguments, as it came; None when it takes none or the dialect left it out."""
    strict: bool | None = None
    custom: bool = False
    """It takes free text. `format` says of what form."""
    format: bytes | None = None
    cache: CacheMark | None = None
    extra: Fields = {}


class HostedTool(msgspec.Struct, kw_only=True):
    """A tool that the provider runs itself (web search, code execution): for its own dialect alone."""

    dialect: str
    kind: str
    """Its type, which names the loss: `tool.{kind}`."""
    raw: bytes


class ToolChoice(msgspec.Struct, kw_only=True):
    """Which tools the model may or must call."""

    mode: Literal["auto", "none", "required", "named"]
    """`named`: it must call one of `names`."""
    names: tuple[str, ...] = ()
    """With `named` the tools; with `auto` and `required` those it is limited to, all when empty."""
    extra: Fields = {}


class ResponseFormat(msgspec.Struct, kw_only=True):
    """In which form the answer has to be."""

    kind: Literal["text", "json", "schema"]
    name: str | None = None
    description: str | None = None
    schema: bytes | None = None
    """JSON Schema, as it came."""
    strict: bool | None = None
    extra: Fields = {}


class ReasoningWish(msgspec.Struct, kw_only=True):
    """How much the model is to think, and what of it is to be shown."""

    effort: str | None = None
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`."""
    budget: int | None = None
    """Most tokens; 0 is off, -1 leaves it to the model."""
    mode: Literal["enabled", "disabled", "adaptive"] | None = None
    """Anthropic's `thinking.type`; None where the dialect has no such switch."""
    summary: str | None = None
    """`auto`, `concise`, `detailed`: what kind of summary."""
    shown: bool | None = None
    """Whether reasoning is wanted in the answer; None: as the dialect does by default."""
    extra: Fields = {}


class ChatRequest(msgspec.Struct, kw_only=True):
    """What is asked of a model. None means: the client did not say."""

    model: str
    """What the client asked for; `encode_request` is told the provider's name for it."""
    messages: list[Message]
    """System messages stay where they stood; a dialect's top-level instructions come first."""
    tools: list[Tool | HostedTool] = []
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: ReasoningWish | None = None
    max_tokens: int | None = None
    """Of everything written, reasoning included."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: list[str] = []
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: bytes | None = None
    """JSON object, as it came: token numbers mean something to one tokenizer only."""
    modalities: list[str] = []
    """What the answer may consist of, `text` and `audio`, `image`; empty: text."""
    audio: bytes | None = None
    """JSON: voice and format of spoken answers."""
    verbosity: str | None = None
    prediction: bytes | None = None
    service_tier: str | None = None
    user: str | None = None
    """The client's name for its own user."""
    metadata: bytes | None = None
    """JSON object, as it came."""
    store: bool | None = None
    cache_key: str | None = None
    safety_key: str | None = None
    cache: CacheMark | None = None
    """Anthropic's top-level `cache_control`."""
    safety_settings: bytes | None = None
    """Gemini's, JSON."""
    stream: bool = False
    stream_usage: bool = False
    """The client asked for usage in the stream, where the dialect has to be asked."""
    legacy: bool = False
    """It came in its dialect's older form, and so the answer goes out: openai-chat's `functions`."""
    dialect: str = ""
    """Which dialect it came in, and so whose fields `extra` are."""
    extra: Fields = {}
    """Top-level fields that nobody here knows; each is passed on within its dialect and a loss elsewhere."""
