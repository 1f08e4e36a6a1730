"""Tools and the choice among them, as clients offer them."""

from __future__ import annotations

import msgspec

from freehold.core.request import HostedTool, Tool, ToolChoice
from freehold.wire.anthropic.caching import take_cache
from freehold.wire.anthropic.naming import NAME
from freehold.wire.reading import Object, Unreadable


def decode_tool(tool: Object) -> Tool | HostedTool:
    """A function of the client, or a tool that Anthropic defines. Raises Unreadable."""
    raw = msgspec.json.encode(tool.rest())
    kind = tool.take("type", str)
    if kind not in ("custom", None):
        return HostedTool(dialect=NAME, kind=kind, raw=raw)
    cache, extra = take_cache(tool)
    return Tool(
        name=tool.need("name", str),
        description=tool.take("description", str),
        schema=tool.take_raw("input_schema"),
        strict=tool.take("strict", bool),
        cache=cache,
        extra={**extra, **tool.rest()},
    )


def decode_tool_choice(choice: Object) -> tuple[ToolChoice, bool | None]:
    """The choice, and whether calls may be parallel."""
    kind = choice.need("type", str)
    alone = choice.take("disable_parallel_tool_use", bool)
    parallel = None if alone is None else not alone
    if kind == "tool":
        name = choice.need("name", str)
        return ToolChoice(mode="named", names=(name,), extra=choice.rest()), parallel
    if kind == "any":
        return ToolChoice(mode="required", extra=choice.rest()), parallel
    if kind == "none":
        return ToolChoice(mode="none", extra=choice.rest()), parallel
    if kind == "auto":
        return ToolChoice(mode="auto", extra=choice.rest()), parallel
    raise Unreadable(choice.place("type"), f"is `{kind[:40]}`, which is none of auto, any, tool and none")
