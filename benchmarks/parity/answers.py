"""Two answers as they are compared: without names, times and other things that mean nothing to an application."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.parity.clients import Said

_NAMES = frozenset(
    """
    id created created_at completed_at model model_version response_id create_time call_id system_fingerprint
    previous_response_id sdk_http_response automatic_function_calling_history index
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
"""Ids, times, names of models, and what the SDK itself adds."""
_STATES = frozenset(("signature", "encrypted_content", "thought_signature"))
"""Opaque: that it is there is all that can be compared; whether it is worth anything shows in the next turn."""
_ARGUMENTS = frozenset(("arguments",))
"""JSON as text: the same when it means the same."""


def comparable(said: Said) -> dict[str, Any]:
    """What of an answer is compared."""
    if said.dumped is None:
        return {}
    found = _plain(said.dumped, top=True)
    assert isinstance(found, dict)
    if said.events:
        found["events"] = [kind for kind in said.events if kind not in ("ping", "response.queued")]
    return found


def _plain(value: Any, *, top: bool = False) -> Any:
    """Without names; what is empty is as good as absent. A model's input keeps everything."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, one in value.items():
        if key in _NAMES or one in (None, "", [], {}):
            continue
        if key in _STATES:
            found[key] = "(state)"
        elif key == "data" and value.get("type") == "redacted_thinking":
            found[key] = "(state)"
        elif key in _ARGUMENTS and isinstance(one, str):
            found[key] = _parsed(one)
        elif key in ("args", "input", "parameters", "schema") and isinstance(one, dict):
            found[key] = one
        else:
            inner = _plain(one)
            if inner not in ({}, []):
                found[key] = inner
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
