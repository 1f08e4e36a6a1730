"""Where a provider takes what: paths below its `base_url`, by dialect and by what is asked."""

from __future__ import annotations

from typing import Literal

from freehold.providers.settings import Paths, ProviderSettings
from freehold.wire.dialect import DialectName, Hosting

Operation = Literal["chat", "embeddings", "count", "mirror"]
"""A mirror goes where chat goes."""

STANDARD_PATHS: dict[DialectName, Paths] = {
    "openai-responses": Paths("/responses"),
    "anthropic-messages": Paths("/messages"),
    "gemini": Paths("/models/{model}:generateContent", "/models/{model}:streamGenerateContent?alt=sse"),
    "bedrock-converse": Paths("/model/{model}/converse", "/model/{model}/converse-stream"),
    "cohere": Paths("/chat"),
}
"""Where requests of a dialect go below `base_url`, unless the provider says otherwise."""

_HOSTED_PATHS: dict[Hosting, Paths] = {
    "bedrock": Paths("/model/{model}/invoke", "/model/{model}/invoke-with-response-stream"),
    "vertex": Paths("/models/{model}:rawPredict", "/models/{model}:streamRawPredict"),
}
_HOSTED_COUNTS: dict[Hosting, str] = {
    "bedrock": "/model/{model}/count-tokens",
    "vertex": "/models/count-tokens:rawPredict",
}

_COUNTING: dict[DialectName, tuple[str, str]] = {
    "anthropic-messages": ("/messages", "/messages/count_tokens"),
    "openai-responses": ("/responses", "/responses/input_tokens"),
    "gemini": (":generateContent", ":countTokens"),
}
"""How the path that counts tokens differs from the one that answers: its end."""


def path_of(settings: ProviderSettings, operation: Operation, dialect: DialectName, *, stream: bool) -> str:
    """The path; `{model}` in it is where the model's name goes."""
    if operation == "embeddings":
        return embeddings_path(settings, dialect)
    if operation == "count":
        return count_path(settings, dialect) or ""
    if dialect == "openai-chat":
        return settings.chat_path
    paths = _paths_of(settings, dialect)
    return (stream and paths.streamed) or paths.whole


def _paths_of(settings: ProviderSettings, dialect: DialectName) -> Paths:
    hosted = None if settings.hosting is None else _HOSTED_PATHS[settings.hosting]
    return settings.paths.get(dialect) or hosted or STANDARD_PATHS[dialect]


def embeddings_path(settings: ProviderSettings, dialect: DialectName, *, single: bool = False) -> str:
    """Where embeddings are; with `single`, where Gemini takes one text alone."""
    if dialect == "openai-chat":
        return settings.embeddings_path
    if dialect == "cohere":
        return "/embed"
    whole = _paths_of(settings, dialect).whole
    return whole.replace(":generateContent", ":embedContent" if single else ":batchEmbedContents")


def count_path(settings: ProviderSettings, dialect: DialectName) -> str | None:
    """Where tokens are counted; None where that is not known."""
    if settings.hosting is not None:
        return _HOSTED_COUNTS[settings.hosting]
    ends = _COUNTING.get(dialect)
    if ends is None:
        return None
    whole = _paths_of(settings, dialect).whole
    return whole.removesuffix(ends[0]) + ends[1] if whole.endswith(ends[0]) else None
