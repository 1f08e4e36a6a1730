"""What a provider does not take, taken out of a request."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.losses import LOSSES, Losses
from freehold.core.request import ChatRequest, ReasoningWish

_NOT_WISHES = ("model", "messages", "stream", "stream_usage", "legacy", "dialect", "extra")
"""What a request is made of, whatever the provider takes."""
_FIELDS = {
    field.name: field for field in msgspec.structs.fields(ChatRequest) if field.name not in _NOT_WISHES
}
_NEEDLESS: dict[str, object] = {"n": 1, "parallel_tool_calls": True, "store": False, "logprobs": False}
"""Values that say what is so anyhow: to leave them out loses nothing."""
_LOSS_OF = {
    "audio": "modalities",
    "cache_key": "cache",
    "safety_key": "user",
    "top_logprobs": "logprobs",
}
"""Of fields whose loss has another name."""


def without_unsupported(request: ChatRequest, names: tuple[str, ...], losses: Losses) -> ChatRequest:
    """The request without the fields that are named; those that said something are losses."""
    gone: dict[str, object] = {}
    for name in names:
        field = _FIELDS.get(name)
        if field is None:
            continue
        value = getattr(request, name)
        empty = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        if value == empty:
            continue
        gone[name] = empty
        if name not in _NEEDLESS or value != _NEEDLESS[name]:
            _lose(name, value, losses)
    return msgspec.structs.replace(request, **gone) if gone else request


def _lose(name: str, value: Any, losses: Losses) -> None:
    loss = _LOSS_OF.get(name, name)
    if name == "reasoning":
        _lose_reasoning(value, losses)
    elif name == "tools":
        losses.add("tool", "function")
    elif loss in LOSSES:
        losses.add(loss)
    else:
        losses.add("field", name)


def _lose_reasoning(wish: ReasoningWish, losses: Losses) -> None:
    if wish.shown is not None or wish.summary is not None:
        losses.add("reasoning.shown")
    for name in wish.extra:
        losses.add("field", name)
    if wish.budget is not None and wish.budget >= 0:
        losses.add("reasoning.budget")
    elif wish.effort is not None or wish.mode in ("enabled", "disabled"):
        losses.add("reasoning.effort")
