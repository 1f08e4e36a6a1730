"""Which calls may be copied, and what a candidate is asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.compare.suites.asked import Asked, Unfit, asked_by
from freehold.core.errors import FreeholdError
from freehold.core.fields import Fields
from freehold.core.parts import Media, Reasoning, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, HostedTool
from freehold.wire.request import Request

# Why a call is not copied, in the words in which they are counted.
HOSTED = "a tool that its provider runs"
STATE = "state that one provider keeps"
FILES = "a file that one provider keeps"
BACKGROUND = "in the background"
UNREADABLE = "cannot be read"
UNFIT = "makes no question by itself"

_EMPTY = (b"null", b"false", b"[]", b"{}", b'""')
_RUN_ELSEWHERE = {
    "openai-chat": ("web_search_options", "plugins"),
    "anthropic-messages": ("mcp_servers", "container"),
}
"""Fields that have a provider do something beside answering."""
_KEPT_ELSEWHERE = {
    "openai-responses": ("previous_response_id", "conversation", "prompt"),
    "anthropic-messages": ("thread",),
    "gemini": ("cachedContent", "cached_content"),
}
"""Fields that name what only one provider has."""
_LEFT_OUT = {
    "openai-chat": ("n", "store", "metadata"),
    "openai-responses": ("background", "metadata"),
}
"""Fields that a copy does without: further answers, and what the client wants kept or noted of its own call."""
_encode = msgspec.json.Encoder().encode


class NotCopied(Exception):
    """The call is not copied; the message says why, in a few words of a fixed vocabulary."""


class Copy(msgspec.Struct, frozen=True):
    """What a candidate is asked, and what others need to know to judge its answer."""

    request: Request
    """In the client's own dialect, so that whatever is lost on the way to the candidate is lost here too."""
    body: bytes
    decoded: ChatRequest
    asked: Asked


def copy_of(request: Request, candidate: str) -> Copy:
    """What `candidate`, `provider/model`, is asked instead. Raises NotCopied.

    Nothing may happen twice because of a copy: tools that a provider runs, state and files that it keeps, and what
    runs in the background are not copied. Functions that the client runs are only declared; a copy's calls of them
    go nowhere.
    """
    _refuse(request)
    try:
        decoded = request.decoded()
    except FreeholdError:
        raise NotCopied(UNREADABLE) from None
    if any(isinstance(tool, HostedTool) for tool in decoded.tools):
        raise NotCopied(HOSTED)
    if _is_bound(decoded):
        raise NotCopied(STATE)
    if any(isinstance(part, Media) and part.file_id is not None for part in _parts(decoded)):
        raise NotCopied(FILES)
    try:
        asked = asked_by(request, decoded, with_media=True)
    except Unfit:
        raise NotCopied(UNFIT) from None
    fields = _fields(request)
    copied = msgspec.structs.replace(
        request, model=candidate, fields=fields, holds_state=False, background=False, continues=None
    )
    return Copy(copied, copied.whole() if request.dialect != "gemini" else _encode(fields), decoded, asked)


def _refuse(request: Request) -> None:
    if request.background or _says(request, ("background",)):
        raise NotCopied(BACKGROUND)
    if _says(request, _RUN_ELSEWHERE.get(request.dialect, ())):
        raise NotCopied(HOSTED)
    if request.continues is not None or _says(request, _KEPT_ELSEWHERE.get(request.dialect, ())):
        raise NotCopied(STATE)
    if request.last_state() is not None:
        raise NotCopied(STATE)


def _says(request: Request, names: Iterable[str]) -> bool:
    return any(bytes(request.fields.get(name, b"null")) not in _EMPTY for name in names)


def _fields(request: Request) -> Fields:
    left_out = _LEFT_OUT.get(request.dialect, ())
    fields = {name: value for name, value in request.fields.items() if name not in left_out}
    if request.dialect == "openai-responses":
        fields["store"] = msgspec.Raw(b"false")
    return fields


def _parts(request: ChatRequest) -> Iterable[object]:
    for message in request.messages:
        for part in message.parts:
            yield part
            if isinstance(part, ToolResult):
                yield from part.content


def _is_bound(request: ChatRequest) -> bool:
    """Whether there is something in it that only its maker can read."""
    return any(
        isinstance(part, Text | Media | ToolCall | Reasoning) and part.state is not None
        for part in _parts(request)
    )
