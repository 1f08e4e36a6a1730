"""How a judge is asked."""

from __future__ import annotations

from typing import Protocol

import msgspec

from freehold.compare.answer import Answer


class Ask(Protocol):
    """Asks a model of the catalog, `provider/name`, with the body of an `openai-chat` request without `model`."""

    async def __call__(self, model: str, request: msgspec.Raw, /) -> Answer:
        """The answer; with `failure`, where there is none. What it raises is about more than this one question: a
        budget is used up, nobody may ask this model.
        """
