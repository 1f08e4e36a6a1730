"""What a model behind this dialect takes, by the version in its name. A name without one takes what the newest does;
a model of another maker takes the oldest form of reasoning, which is what the compatible endpoints know.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

_VERSION = re.compile(r"claude-(?:[a-z]+-)?v?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


class Abilities(msgspec.Struct, frozen=True):
    """What a model takes."""

    thinking: Literal["none", "budget", "either", "adaptive"] = "adaptive"
    """How reasoning is asked for: `thinking.budget_tokens`, `thinking.type: adaptive` with an effort, or either."""
    effort: bool = True
    """Whether it knows `output_config.effort`."""
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    sampling: bool = False
    """Whether it takes temperature, top_p and top_k."""
    schema: bool = True
    """Whether answers and tool calls can be bound to a JSON Schema."""


_NEWEST = Abilities()
_OTHERS = Abilities(thinking="budget", effort=False, sampling=True)
EVERYTHING = Abilities(thinking="either", sampling=True)
"""For a client of this dialect who asks a model of another maker: it knows best what that takes."""
_SINCE: tuple[tuple[tuple[int, int], Abilities], ...] = (
    ((4, 7), _NEWEST),
    ((4, 6), Abilities(thinking="either", efforts=("low", "medium", "high", "max"), sampling=True)),
    ((4, 1), Abilities(thinking="budget", effort=False, sampling=True)),
    ((3, 7), Abilities(thinking="budget", effort=False, sampling=True, schema=False)),
    ((0, 0), Abilities(thinking="none", effort=False, sampling=True, schema=False)),
)
"""The least version, and what it and those after it take."""


def is_known(model: str) -> bool:
    """Whether the name says anything about what the model takes."""
    return "claude" in model.lower()


@lru_cache(maxsize=256)
def abilities_of(model: str) -> Abilities:
    """By the provider's own name of the model."""
    name = model.lower()
    if not is_known(name):
        return _OTHERS
    found = _VERSION.search(name)
    if found is None:
        return _NEWEST
    version = (int(found[1]), int(found[2] or 0))
    abilities = next(abilities for least, abilities in _SINCE if version >= least)
    if version == (4, 5) and "opus" in name:
        return msgspec.structs.replace(abilities, effort=True, efforts=("low", "medium", "high"))
    return abilities
