"""Tools, the choice among them, the form of the answer and the wish for reasoning, written."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, ReasoningWish, ResponseFormat, Tool
from freehold.wire.reading import Object, Unreadable
from freehold.wire.responses.vocabulary import NAME, Json, own_fields

_NO_ARGUMENTS = msgspec.Raw(b'{"type":"object","properties":{}}')
_NAMES = {"json": "json_object", "schema": "json_schema", "text": "text"}


def write_tools(request: ChatRequest, losses: Losses) -> list[Json | msgspec.Raw]:
    """The field `tools`; hosted tools of another dialect are lost."""
    written: list[Json | msgspec.Raw] = []
    for tool in request.tools:
        if isinstance(tool, Tool):
            written.append(write_tool(tool, request.dialect, losses))
        elif tool.dialect == NAME:
            written.append(msgspec.Raw(tool.raw))
        else:
            losses.add("tool", tool.kind)
    return written


def write_tool(tool: Tool, dialect: str, losses: Losses) -> Json:
    """One tool of the client's."""
    if tool.cache is not None:
        losses.add("cache")
    written: Json = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.custom:
        if tool.format is not None:
            written["format"] = _flat_format(tool.format)
    else:
        written["parameters"] = _NO_ARGUMENTS if tool.schema is None else msgspec.Raw(tool.schema)
        if tool.strict is not None:
            written["strict"] = tool.strict
        elif dialect != NAME:
            written["strict"] = False  # which is the default everywhere else, and not here
    return {**written, **own_fields(tool.extra, dialect, losses)}


def _flat_format(raw: bytes) -> msgspec.Raw | Json:
    """openai-chat puts a grammar one level deeper."""
    try:
        form = Object(raw)
        grammar = form.take_object("grammar")
    except Unreadable:
        return msgspec.Raw(raw)
    return msgspec.Raw(raw) if grammar is None else {**form.rest(), **grammar.rest()}


def write_tool_choice(request: ChatRequest, losses: Losses) -> str | Json | None:
    """The field `tool_choice`."""
    choice = request.tool_choice
    if choice is None:
        return None
    extra = own_fields(choice.extra, request.dialect, losses)
    if "type" in extra:
        return dict(extra)
    if choice.mode == "none":
        return "none"
    named = [_named(name, request) for name in choice.names]
    if choice.mode == "named" and len(named) == 1:
        return named[0]
    mode = "auto" if choice.mode == "auto" else "required"
    if not named and not extra:
        return mode
    return {"type": "allowed_tools", "mode": mode, "tools": named, **extra}


def _named(name: str, request: ChatRequest) -> Json:
    custom = any(isinstance(tool, Tool) and tool.custom and tool.name == name for tool in request.tools)
    return {"type": "custom" if custom else "function", "name": name}


def write_format(form: ResponseFormat, dialect: str, losses: Losses) -> Json:
    """The field `text.format`."""
    written: Json = {"type": _NAMES[form.kind]}
    if form.kind == "schema":
        written["name"] = form.name or "answer"
        if form.description is not None:
            written["description"] = form.description
        written["schema"] = msgspec.Raw(form.schema or b"{}")
        if form.strict is not None:
            written["strict"] = form.strict
    return {**written, **own_fields(form.extra, dialect, losses)}


def write_reasoning_wish(wish: ReasoningWish, dialect: str, losses: Losses) -> Json:
    """The field `reasoning`. A bound in tokens is put as an effort; whether reasoning is shown is put as a summary."""
    written: Json = {}
    effort = wish.effort
    if effort is None and wish.budget is not None and wish.budget >= 0:
        losses.add("reasoning.budget")
        effort = _effort_of(wish.budget)
    elif wish.budget is not None:
        if wish.budget >= 0:
            losses.add("reasoning.budget")
    elif effort is None and wish.mode == "disabled":
        effort = "none"
    elif effort is None and wish.mode is not None:
        losses.add("reasoning.effort")
    if effort is not None:
        written["effort"] = effort
    if wish.summary is not None:
        written["summary"] = wish.summary
    elif wish.shown:
        written["summary"] = "auto"
    # Reasoning that is not to be shown: without a summary none is.
    return {**written, **own_fields(wish.extra, dialect, losses)}


def _effort_of(budget: int) -> str:
    """The effort that is nearest to a bound in tokens."""
    if budget == 0:
        return "none"
    if budget <= 2048:
        return "low"
    return "medium" if budget <= 8192 else "high"
