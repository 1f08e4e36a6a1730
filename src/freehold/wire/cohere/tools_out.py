"""Tools for Cohere's chat, and which of them must be called."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, HostedTool, Tool, ToolChoice

NAME = "cohere"
Block = dict[str, object]

_ANYTHING = msgspec.Raw(b'{"type":"object","properties":{}}')
_FREE_TEXT = msgspec.Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')


def write_tools(request: ChatRequest, body: Block, losses: Losses) -> None:
    """`tools`, `strict_tools` and `tool_choice`."""
    choice = request.tool_choice
    if choice is not None:
        for name in choice.extra:
            losses.add("field", name)
    wanted = _wanted(choice)
    blocks: list[Block] = []
    strict: list[bool] = []
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.dialect == NAME:
                blocks.append(msgspec.json.decode(tool.raw))
            else:
                losses.add("tool", tool.kind)
        elif wanted is None or tool.name in wanted:
            blocks.append(_tool(tool, losses))
            strict.append(bool(tool.strict))
    if not blocks:
        return
    body["tools"] = blocks
    if all(strict) and strict:
        body["strict_tools"] = True
    elif any(strict):
        # It is all of them or none.
        losses.add("strict")
    if choice is not None and choice.mode == "none":
        body["tool_choice"] = "NONE"
    elif choice is not None and choice.mode != "auto":
        body["tool_choice"] = "REQUIRED"


def _wanted(choice: ToolChoice | None) -> frozenset[str] | None:
    """The tools that the choice is limited to: no others are offered, for Cohere can name none. None: all."""
    return frozenset(choice.names) if choice is not None and choice.names else None


def _tool(tool: Tool, losses: Losses) -> Block:
    for name in tool.extra:
        losses.add("field", name)
    if tool.cache is not None:
        losses.add("cache")
    function: Block = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.custom:
        losses.add("tool.custom")
        function["parameters"] = _FREE_TEXT
    else:
        function["parameters"] = _ANYTHING if tool.schema is None else msgspec.Raw(tool.schema)
    return {"type": "function", "function": function}
