"""What an answer that a client was given can be recognised by in its next request: the ids of tool calls in it."""

from __future__ import annotations

import re

from freehold.engine.conversation import is_unique

_MOST_BYTES = 1_000_000
_MOST_CALLS = 64
_HAS_CALLS = (b"tool_call", b"tool_use", b"function_call", b"functionCall")
_ID = re.compile(rb'"(?:id|call_id)" ?: ?"([!#-\[\]-~]{9,200})"')


def calls_in(answer: bytes | None) -> list[str]:
    """Ids in an answer of any dialect, whole or as a stream, that may be of tool calls. Others among them do no harm:
    nobody sends them back as such.
    """
    if answer is None or len(answer) > _MOST_BYTES or not any(word in answer for word in _HAS_CALLS):
        return []
    found = dict.fromkeys(match.decode() for match in _ID.findall(answer))
    return [one for one in found if is_unique(one)][:_MOST_CALLS]
