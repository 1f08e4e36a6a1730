"""What a provider does not take, taken out of a request."""

from __future__ import annotations

import msgspec

from freehold.core.losses import LOSSES, Losses
from freehold.core.request import ChatRequest

_FIELDS = {field.name: field for field in msgspec.structs.fields(ChatRequest) if not field.required}
_LOSS_OF = {
    "audio": "modalities",
    "cache_key": "cache",
    "reasoning": "reasoning.effort",
    "safety_key": "user",
    "top_logprobs": "logprobs",
}
"""Of fields whose loss has another name."""


def without_unsupported(request: ChatRequest, names: tuple[str, ...], losses: Losses) -> ChatRequest:
    """The request without the fields that are named; those that said something are losses."""
    for name in names:
        field = _FIELDS.get(name)
        if field is None:
            continue
        empty = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        if getattr(request, name) == empty:
            continue
        loss = _LOSS_OF.get(name, name)
        losses.add(loss) if loss in LOSSES else losses.add("field", name)
        request = msgspec.structs.replace(request, **{name: empty})
    return request
