"""Who made a model, by its name: what a prompt says of itself holds for one maker's models alone."""

from __future__ import annotations

import re
from typing import Literal

Maker = Literal[
    "openai", "anthropic", "google", "meta", "mistral", "qwen", "deepseek", "cohere", "xai", "zai", "moonshot"
]

_SIGNS: tuple[tuple[Maker, str], ...] = (
    ("openai", r"gpt|chatgpt|davinci|(?<![a-z0-9])o[1-9](?![a-z0-9])"),
    ("anthropic", r"claude"),
    ("google", r"gemini|gemma|palm"),
    ("meta", r"llama"),
    ("mistral", r"mistral|mixtral|codestral|ministral|magistral|devstral|pixtral"),
    ("qwen", r"qwen|qwq"),
    ("deepseek", r"deepseek"),
    ("cohere", r"command|aya"),
    ("xai", r"grok"),
    ("zai", r"glm"),
    ("moonshot", r"kimi|moonshot"),
)
_FOUND = [(maker, re.compile(sign, re.IGNORECASE)) for maker, sign in _SIGNS]


def maker_of(model: str) -> Maker | None:
    """Of a model by the provider's own name for it; None: the name does not tell."""
    return next((maker for maker, sign in _FOUND if sign.search(model)), None)
