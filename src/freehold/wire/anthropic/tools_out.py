"""Tools and the choice among them, for a provider."""

from __future__ import annotations

import msgspec

from freehold.core.request import ChatRequest, HostedTool, Tool
from freehold.wire.anthropic.caching import put_cache
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.outgoing import Outgoing
from freehold.wire.anthropic.schema import reduced
from freehold.wire.reading import Object, Unreadable

_FREE_TEXT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""What stands for the free text of a custom tool."""
_MODES = {"auto": "auto", "required": "any", "none": "none"}


def encode_tools(request: ChatRequest, out: Outgoing) -> list[object]:
    """The tools that the model may call."""
    choice = request.tool_choice
    wanted = set(choice.names) if choice is not None and _limits(request) else None
    tools: list[object] = []
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.dialect == NAME:
                tools.append(msgspec.Raw(tool.raw))
            else:
                out.losses.add("tool", tool.kind)
        elif wanted is None or tool.name in wanted:
            tools.append(_encode_tool(tool, out))
    return tools


def _limits(request: ChatRequest) -> bool:
    """Whether the choice is among some of the tools: the others are not offered at all, which comes to the same."""
    choice = request.tool_choice
    if choice is None or not choice.names or (choice.mode == "named" and len(choice.names) == 1):
        return False
    return any(isinstance(tool, Tool) and tool.name in choice.names for tool in request.tools)


def _encode_tool(tool: Tool, out: Outgoing) -> dict[str, object]:
    strict = tool.strict
    if strict and not out.abilities.schema and not out.same:
        out.losses.add("strict")
        strict = None
    fields: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        fields["description"] = tool.description
    if tool.custom:
        out.losses.add("tool.custom")
        fields["input_schema"], strict = _FREE_TEXT, None
    elif strict and not out.same and tool.schema is not None:
        fields["input_schema"] = reduced(tool.schema, out.losses)
    else:
        fields["input_schema"] = _schema_of(tool)
    if strict is not None and (strict or out.same):
        fields["strict"] = strict
    fields.update(out.own(tool.extra))
    put_cache(fields, tool.cache)
    return fields


def _schema_of(tool: Tool) -> object:
    """The schema, which has to say that it is one of an object."""
    if tool.schema is None:
        return {"type": "object", "properties": {}}
    try:
        schema = Object(tool.schema)
    except Unreadable:
        return msgspec.Raw(tool.schema)  # the provider will say what is wrong with it
    if schema.has("type"):
        return msgspec.Raw(tool.schema)
    return {"type": "object", **schema.rest()}


def encode_tool_choice(request: ChatRequest, tools: list[object], out: Outgoing) -> dict[str, object] | None:
    """The choice, with whether calls may be parallel; None: as the provider does by default."""
    choice, alone = request.tool_choice, request.parallel_tool_calls is False
    if not tools:
        if choice is not None and choice.mode in ("required", "named"):
            out.losses.add("tool_choice")
        return None  # without tools the provider refuses any choice
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if alone else None
    fields: dict[str, object]
    if choice.mode == "named" and len(choice.names) == 1:
        fields = {"type": "tool", "name": choice.names[0]}
    else:
        fields = {"type": _MODES.get(choice.mode, "any")}
        if choice.names and not _limits(request):
            out.losses.add("tool_choice")
    if alone and choice.mode != "none":
        fields["disable_parallel_tool_use"] = True
    return {**fields, **out.own(choice.extra)}
