"""What the families of models behind Converse can do, where they differ. The API is one, the models are not.

Source: the Bedrock user guide's pages on tool use, prompt caching, structured outputs and reasoning. A model that is
not known by its name (an own inference profile) is sent what is asked for: it may well take it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

ReasoningForm = Literal["budget", "adaptive", "nova", "effort", "config", "unknown", "none"]
"""
budget    Claude until 4.5: `thinking` with a number of tokens
adaptive  Claude from 4.6: `thinking` that finds its own measure, beside an effort
nova      `reasoningConfig` with an effort
effort    `reasoning_effort`
config    `reasoning_config`, which is an effort
unknown   the model is not known: only what is said in Claude's own words is passed on
none      nothing to be asked for
"""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes."""

    claude: tuple[int, int] | None = None
    """Its version, when it is a Claude."""
    reasoning: ReasoningForm = "none"
    top_k: tuple[str, ...] = ()
    """Where `top_k` goes in `additionalModelRequestFields`; empty: nowhere."""
    forced_tools: Literal["all", "any", "none"] = "all"
    """Which choices of tools it takes: all, that any must be called, or neither."""
    schema: bool = True
    """Whether the form of its answer can be given as a JSON Schema."""
    strict_tools: bool = False
    caching: Literal["all", "prompt", "none"] = "none"
    """Where a mark for the cache may stand; `prompt`: not behind tools."""
    cache_ttl: bool = False
    """Whether how long the cache is kept can be said."""
    replays_reasoning: bool = False
    """Whether signed reasoning of earlier turns may be sent back."""

    @property
    def samples(self) -> bool:
        """Whether it takes a temperature and its like: the newest Claudes do not."""
        return self.claude is None or self.claude < (4, 7)

    @property
    def one_sampler(self) -> bool:
        """Whether it takes the temperature or `top_p`, but not both."""
        return self.claude is not None and self.claude >= (4, 5)

    @property
    def takes_budget(self) -> bool:
        """Whether a Claude takes a number of tokens for its thinking."""
        return self.claude is not None and self.claude < (4, 7)


_OPEN = Family(reasoning="none")
_PLAIN = Family(schema=False, forced_tools="none")
_UNKNOWN = Family(
    reasoning="unknown", caching="all", cache_ttl=True, strict_tools=True, replays_reasoning=True
)
_BY_VENDOR: dict[str, Family] = {
    "ai21": _PLAIN,
    "amazon": _PLAIN,
    "cohere": Family(schema=False, forced_tools="none", top_k=("k",)),
    "deepseek": _OPEN,
    "google": _OPEN,
    "meta": _PLAIN,
    "minimax": _OPEN,
    "mistral": Family(forced_tools="any", top_k=("top_k",)),
    "moonshot": _OPEN,
    "moonshotai": _OPEN,
    "nvidia": _OPEN,
    "openai": Family(reasoning="effort"),
    "qwen": Family(reasoning="config"),
    "stability": _PLAIN,
    "writer": _PLAIN,
    "zai": _OPEN,
}
_NOVA = Family(schema=False, top_k=("inferenceConfig", "topK"), caching="prompt")
_VERSION = re.compile(r"claude-v?(?:[a-z]+-)?(\d{1,2})(?:-(\d{1,2}))?(?!\d)")


@lru_cache(maxsize=256)
def family_of(model: str) -> Family:
    """What the model takes, by its id, or by its ARN where that ends in the id."""
    words = model.rsplit("/", 1)[-1].split(".")
    if "anthropic" in words[:2]:
        return _claude(words[-1])
    if "amazon" in words[:2] and words[-1].startswith("nova"):
        thinks = words[-1].startswith("nova-2")
        return msgspec.structs.replace(_NOVA, reasoning="nova") if thinks else _NOVA
    for word in words[:2]:
        if word in _BY_VENDOR:
            return _BY_VENDOR[word]
    return _UNKNOWN


def _claude(name: str) -> Family:
    found = _VERSION.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    reasoning: ReasoningForm = "none"
    if version >= (4, 6):
        reasoning = "adaptive"
    elif version >= (3, 7):
        reasoning = "budget"
    new = version >= (4, 5)
    return Family(
        claude=version,
        reasoning=reasoning,
        top_k=("top_k",) if version < (4, 7) else (),
        schema=new,
        strict_tools=new,
        caching="all" if version >= (3, 5) else "none",
        cache_ttl=new,
        replays_reasoning=version >= (3, 7),
    )
