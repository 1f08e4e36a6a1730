"""The Response object that a client is given: the request's fields echoed, as OpenAI does."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Text
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee
from freehold.wire.reading import is_text
from freehold.wire.responses.tools_out import (
    write_format,
    write_reasoning_wish,
    write_tool_choice,
    write_tools,
)
from freehold.wire.responses.vocabulary import NAME, Json

_ECHOED: dict[str, Any] = {
    "background": False,
    "conversation": None,
    "max_tool_calls": None,
    "previous_response_id": None,
    "prompt": None,
    "prompt_cache_retention": None,
    "truncation": "disabled",
}
"""Fields that only this dialect has, and what stands for them when they are not given."""


def response_id(addressee: Addressee) -> str:
    """The dialect's own form of the call's id."""
    return f"resp_{suffix_of(addressee)}"


def suffix_of(addressee: Addressee) -> str:
    """What the ids of an answer and its items have in common."""
    return addressee.id.removeprefix("call_").removeprefix("resp_")


def request_echo(request: ChatRequest) -> Json:
    """The fields of the request, with the defaults of what was left out."""
    unsaid = Losses()  # what cannot be echoed is no loss of the answer
    extra = request.extra if request.dialect == NAME else {}
    echo: Json = {name: extra.get(name, default) for name, default in _ECHOED.items()}
    if is_text(extra.get("conversation", msgspec.Raw(b"null"))):
        echo["conversation"] = {"id": extra["conversation"]}
    wish = request.reasoning
    reasoning: Json = {"effort": None, "summary": None}
    if wish is not None:
        reasoning |= write_reasoning_wish(wish, request.dialect, unsaid)
    form = request.response_format
    text: Json = {
        "format": {"type": "text"} if form is None else write_format(form, request.dialect, unsaid),
        "verbosity": request.verbosity or "medium",
    }
    return {
        **echo,
        "instructions": _instructions(request),
        "max_output_tokens": request.max_tokens,
        "metadata": {} if request.metadata is None else msgspec.Raw(request.metadata),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "prompt_cache_key": request.cache_key,
        "reasoning": reasoning,
        "safety_identifier": request.safety_key,
        "store": request.store is not False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": text,
        "tool_choice": write_tool_choice(request, unsaid) or "auto",
        "tools": write_tools(request, unsaid),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "user": request.user,
    }


def _instructions(request: ChatRequest) -> str | None:
    first = request.messages[0] if request.messages else None
    if first is None or first.role != "system" or not first.plain:
        return None
    return "".join(part.text for part in first.parts if isinstance(part, Text))
