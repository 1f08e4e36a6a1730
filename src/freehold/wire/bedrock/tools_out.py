"""Tools for Converse, and which of them must be called."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, HostedTool, Tool, ToolChoice
from freehold.wire.bedrock.families import Family
from freehold.wire.bedrock.schema import narrowed

NAME = "bedrock-converse"
Block = dict[str, object]

_ANYTHING = msgspec.Raw(b'{"type":"object","properties":{}}')
_FREE_TEXT = msgspec.Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')


def tool_config(request: ChatRequest, past: list[str], family: Family, losses: Losses) -> Block | None:
    """`toolConfig`; None where there are no tools. `past` are the names of the tools that earlier turns called: where
    there are any, Converse demands tools, and there is no way to forbid them.
    """
    choice = request.tool_choice
    if choice is not None:
        for name in choice.extra:
            losses.add("field", name)
    forbidden = choice is not None and choice.mode == "none"
    if forbidden and not past:
        # No tools, no calls: nothing is lost.
        return None
    tools = _tools(request, _wanted(choice), family, losses)
    if not tools:
        return {"tools": [_stand_in(name) for name in dict.fromkeys(past)]} if past else None
    if forbidden:
        losses.add("tool_choice")
    config: Block = {"tools": tools}
    if choice is not None and (said := _choice(choice, family, losses)) is not None:
        config["toolChoice"] = said
    return config


def _wanted(choice: ToolChoice | None) -> frozenset[str] | None:
    """The tools that the choice is limited to; None: all. One that must be called leaves the others in sight."""
    if choice is None or not choice.names or (choice.mode == "named" and len(choice.names) == 1):
        return None
    return frozenset(choice.names)


def _tools(
    request: ChatRequest, wanted: frozenset[str] | None, family: Family, losses: Losses
) -> list[Block]:
    blocks: list[Block] = []
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.dialect == NAME:
                blocks.append(msgspec.json.decode(tool.raw, type=dict[str, object]))
            else:
                losses.add("tool", tool.kind)
            continue
        if wanted is not None and tool.name not in wanted:
            continue
        blocks.append({"toolSpec": _specification(tool, family, losses)})
        if tool.cache is not None:
            if family.caching == "all":
                blocks.append(cache_point(tool.cache.ttl, family))
            else:
                losses.add("cache")
    return blocks


def _specification(tool: Tool, family: Family, losses: Losses) -> Block:
    for name in tool.extra:
        losses.add("field", name)
    specification: Block = {"name": tool.name}
    if tool.description:
        specification["description"] = tool.description
    schema = _ANYTHING if tool.schema is None else msgspec.Raw(tool.schema)
    if tool.custom:
        losses.add("tool.custom")
        schema = _FREE_TEXT
    elif tool.strict:
        if family.strict_tools:
            specification["strict"] = True
            if family.claude is not None:
                schema = msgspec.Raw(narrowed(bytes(schema), losses))
        else:
            losses.add("strict")
    specification["inputSchema"] = {"json": schema}
    return specification


def _stand_in(name: str) -> Block:
    """A tool that was called earlier and is not offered any more. Converse wants to see it all the same."""
    return {"toolSpec": {"name": name, "inputSchema": {"json": _ANYTHING}}}


def forces(choice: ToolChoice | None) -> bool:
    """Whether the model must call a tool."""
    return choice is not None and choice.mode in ("required", "named")


def _choice(choice: ToolChoice, family: Family, losses: Losses) -> Block | None:
    """`auto` is what Converse does by default, and not every model takes the word."""
    if not forces(choice):
        return None
    if family.forced_tools == "none":
        losses.add("tool_choice")
        return None
    if choice.mode == "named" and len(choice.names) == 1:
        if family.forced_tools == "any":
            losses.add("tool_choice")
            return {"any": {}}
        return {"tool": {"name": choice.names[0]}}
    return {"any": {}}


def cache_point(ttl: str | None, family: Family) -> Block:
    """A mark: everything up to here is to be cached."""
    point: Block = {"type": "default"}
    if ttl in ("5m", "1h") and family.cache_ttl:
        point["ttl"] = ttl
    return {"cachePoint": point}
