"""Every name that leaves this room, with its kind and where it is from. A test holds what is sent against it."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = "https://opentelemetry.io/schemas/gen-ai/1.42.0"
"""Of the GenAI names; the others among them are the same in the general schema that it depends on."""

OLD_SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
"""Where the GenAI names were before."""

Kind = Literal["text", "texts", "whole", "fraction", "flag"]

SECONDS = tuple(0.01 * 2**power for power in range(14))
"""Upper bounds of the conventions' histograms of time: 10 ms to 81.92 s."""
TOKENS = tuple(4.0**power for power in range(14))
"""The same of tokens: 1 to 67,108,864."""

SPAN_ATTRIBUTES: dict[str, Kind] = {
    # General
    "http.request.method": "text",
    "http.route": "text",
    "http.response.status_code": "whole",
    "http.request.body.size": "whole",
    "http.response.body.size": "whole",
    "url.path": "text",
    "url.scheme": "text",
    "server.address": "text",
    "server.port": "whole",
    "error.type": "text",
    # GenAI
    "gen_ai.operation.name": "text",
    "gen_ai.provider.name": "text",
    "gen_ai.request.model": "text",
    "gen_ai.request.stream": "flag",
    "gen_ai.response.model": "text",
    "gen_ai.response.finish_reasons": "texts",
    "gen_ai.response.time_to_first_chunk": "fraction",
    "gen_ai.usage.input_tokens": "whole",
    "gen_ai.usage.output_tokens": "whole",
    "gen_ai.usage.cache_read.input_tokens": "whole",
    "gen_ai.usage.cache_write.input_tokens": "whole",
    "gen_ai.usage.reasoning.output_tokens": "whole",
    # GenAI, with `content`
    "gen_ai.system_instructions": "text",
    "gen_ai.input.messages": "text",
    "gen_ai.output.messages": "text",
    "gen_ai.tool.definitions": "text",
    # GenAI, with `names = "old"` or `"both"`
    "gen_ai.system": "text",
    "gen_ai.usage.cache_creation.input_tokens": "whole",
    # Ours
    "freehold.call.id": "text",
    "freehold.key.id": "text",
    "freehold.route": "text",
    "freehold.dialect": "text",
    "freehold.outcome": "text",
    "freehold.model": "text",
    "freehold.provider": "text",
    "freehold.reason": "text",
    "freehold.policy": "text",
    "freehold.policy.reason": "text",
    "freehold.rollout": "text",
    "freehold.arm": "text",
    "freehold.attempts": "whole",
    "freehold.losses": "texts",
    "freehold.usage.source": "text",
    "freehold.cost": "fraction",
}

RESOURCE_ATTRIBUTES: dict[str, Kind] = {
    "service.name": "text",
    "service.version": "text",
    "service.instance.id": "text",
    "host.name": "text",
    "process.pid": "whole",
    "telemetry.sdk.name": "text",
    "telemetry.sdk.language": "text",
    "telemetry.sdk.version": "text",
}

METRIC_ATTRIBUTES: dict[str, Kind] = {
    "gen_ai.operation.name": "text",
    "gen_ai.provider.name": "text",
    "gen_ai.request.model": "text",
    "gen_ai.response.model": "text",
    "gen_ai.token.modality": "text",
    "gen_ai.token.type": "text",
    "gen_ai.system": "text",
    "server.address": "text",
    "server.port": "whole",
    "error.type": "text",
    "freehold.provider": "text",
    "freehold.model": "text",
    "freehold.route": "text",
    "freehold.operation": "text",
}


class Metric(msgspec.Struct, frozen=True):
    """One metric."""

    name: str
    kind: Literal["counter", "histogram"]
    unit: str
    meaning: str
    bounds: tuple[float, ...] = ()
    """Of a histogram."""
    whole: bool = False
    """Its values are whole numbers."""
    old: bool = False
    """Its name is one of those up to 1.41."""

    @property
    def prometheus(self) -> str:
        """Its name there, without the ending of its kind."""
        unit = {"s": "_seconds", "{dollar}": "_dollars"}.get(self.unit, "")
        return self.name.replace(".", "_") + unit


def _seconds(name: str, meaning: str, *, old: bool = False) -> Metric:
    return Metric(name, "histogram", "s", meaning, SECONDS, old=old)


def _tokens(name: str, meaning: str, *, old: bool = False) -> Metric:
    return Metric(name, "histogram", "{token}", meaning, TOKENS, whole=True, old=old)


def _count(name: str, meaning: str) -> Metric:
    return Metric(name, "counter", "{token}", meaning, whole=True)


_INFERENCE = "gen_ai.client.inference"

DURATION = _seconds(f"{_INFERENCE}.duration", "How long an attempt at a model took.")
FIRST_CHUNK = _seconds(
    f"{_INFERENCE}.time_to_first_chunk", "From an attempt's start to its stream's first token."
)
INPUT_EACH = _tokens(f"{_INFERENCE}.operation.input_tokens", "Tokens read in an attempt.")
OUTPUT_EACH = _tokens(f"{_INFERENCE}.operation.output_tokens", "Tokens written in an attempt.")
INPUT = _count(f"{_INFERENCE}.usage.input_tokens", "Tokens read, cached ones included.")
OUTPUT = _count(f"{_INFERENCE}.usage.output_tokens", "Tokens written, reasoning included.")
CACHE_READ = _count(
    f"{_INFERENCE}.usage.cache_read.input_tokens", "Tokens that came from a provider's cache."
)
CACHE_WRITE = _count(f"{_INFERENCE}.usage.cache_write.input_tokens", "Tokens written to a provider's cache.")
REASONING = _count(f"{_INFERENCE}.usage.reasoning.output_tokens", "Tokens of reasoning.")
EMBEDDINGS = _seconds("gen_ai.client.embeddings.duration", "How long an attempt at embeddings took.")
EMBEDDINGS_INPUT = _tokens("gen_ai.client.embeddings.operation.input_tokens", "Tokens read for embeddings.")
OPERATION = _seconds("gen_ai.client.operation.duration", "How long an attempt took.", old=True)
OLD_FIRST_CHUNK = _seconds(
    "gen_ai.client.operation.time_to_first_chunk", "From an attempt's start to its first token.", old=True
)
OLD_TOKENS = _tokens("gen_ai.client.token.usage", "Tokens of an attempt, by type.", old=True)
SERVER_DURATION = _seconds(
    "gen_ai.server.request.duration", "From a client's request to the end of its answer."
)
SERVER_FIRST = _seconds(
    "gen_ai.server.time_to_first_token", "From a client's request to its stream's first token."
)
SERVER_EACH = _seconds(
    "gen_ai.server.time_per_output_token", "Of streams: time for each token after the first."
)
COST = Metric(
    "freehold.cost", "counter", "{dollar}", "What attempts cost in US dollars, where that is known."
)
UNPRICED = Metric(
    "freehold.unpriced", "counter", "{attempt}", "Attempts whose cost is not known.", whole=True
)

METRICS = (
    DURATION, FIRST_CHUNK, INPUT_EACH, OUTPUT_EACH, INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, REASONING,
    EMBEDDINGS, EMBEDDINGS_INPUT, OPERATION, OLD_FIRST_CHUNK, OLD_TOKENS,
    SERVER_DURATION, SERVER_FIRST, SERVER_EACH, COST, UNPRICED,
)  # fmt: skip
