"""How a judge is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from freehold.compare.answer import Answer

Ask = Callable[[str, msgspec.Raw], Awaitable[Answer]]
"""Asks a model of the catalog, `provider/name`, with the body of an `openai-chat` request without `model`. Where there
is no answer, it gives one with `failure`; what it raises is about more than this one question: a budget is used up,
nobody may ask this model."""
