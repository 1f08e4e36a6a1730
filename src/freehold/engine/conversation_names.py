"""Names that clients give to a conversation and to who speaks in it: each kind of client has its own place for them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from freehold.core.request import ChatRequest
from freehold.wire.request import Request

_MOST = 8192
"""Characters of a name."""
_IN_METADATA = ("conversation_id", "session_id", "thread_id", "conversation", "session")
_IN_USER = re.compile(r"_session_([0-9a-fA-F-]{32,36})")
"""Claude Code's name of its session, at the end of the user's."""

_decode: Any = msgspec.json.Decoder().decode


class Names(msgspec.Struct, frozen=True):
    """What the client calls things. None: it does not say."""

    conversation: str | None = None
    cache: str | None = None
    """Under which it wants the beginning to be cached."""
    user: str | None = None


def names_of(request: Request, asked: ChatRequest, heading: str | None) -> Names:
    """The names in a request, and in the header `x-freehold-conversation`, which comes first."""
    metadata = _object(asked.metadata)
    user = asked.user or _word(metadata.get("user_id")) or asked.safety_key
    conversation = _word(heading) or _field(request, "conversation")
    for name in _IN_METADATA:
        conversation = conversation or _word(metadata.get(name))
    if conversation is None and user is not None:
        conversation = _in_user(user)
    return Names(conversation, _word(asked.cache_key), _word(user))


def _in_user(user: str) -> str | None:
    if user.startswith("{"):
        return _word(_object(user.encode(errors="surrogatepass")).get("session_id"))
    found = _IN_USER.search(user[:_MOST])
    return None if found is None else found[1]


def _field(request: Request, name: str) -> str | None:
    raw = request.fields.get(name)
    if raw is None:
        return None
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _word(value.get("id") if isinstance(value, dict) else value)


def _object(raw: bytes | None) -> dict[str, object]:
    if raw is None:
        return {}
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str | None:
    """A name, if it is one. What is longer than any name is not cut: it might name two."""
    return value if isinstance(value, str) and 0 < len(value) <= _MOST else None
