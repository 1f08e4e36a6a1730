"""State that sits on text or on a call, which this dialect has no place for: it travels in an item of its own.

Gemini signs calls and texts, and refuses a conversation without the signatures. A client of this dialect keeps
reasoning items and sends them back, so the signature of a part is given as an empty reasoning item behind it,
whose id says what it is.
"""

from __future__ import annotations

from freehold.core.parts import Part, Reasoning, Text, ToolCall

_PREFIX = "rs_of_"


def carrier_id(item_id: str) -> str:
    """Of the item behind the item `item_id`. Ids are at most 64 characters."""
    return f"{_PREFIX}{item_id}"[:64]


def put_back(reasoning: Reasoning, parts: list[Part]) -> bool:
    """Gives the last of `parts` the state that `reasoning` carries for it. False: it is ordinary reasoning."""
    if reasoning.state is None or not (reasoning.item_id or "").startswith(_PREFIX):
        return False
    last = parts[-1] if parts else None
    if not isinstance(last, Text | ToolCall) or last.state is not None:
        return False
    last.state = reasoning.state
    return True
