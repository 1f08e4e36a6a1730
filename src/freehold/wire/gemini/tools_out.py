"""The internal form's tools as `tools` and `toolConfig`."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest, HostedTool, Tool, ToolChoice
from freehold.wire.gemini.fields import NAME, Json
from freehold.wire.gemini.parts_out import CUSTOM_INPUT, extras_out

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_FREE_TEXT = {"type": "object", "properties": {CUSTOM_INPUT: {"type": "string"}}, "required": [CUSTOM_INPUT]}


def tools_out(tools: list[Tool | HostedTool], losses: Losses, *, own: bool) -> list[Json]:
    """One object with all functions, and one for each tool that Google runs itself."""
    functions: list[Json] = []
    hosted: list[Json] = []
    for tool in tools:
        if isinstance(tool, Tool):
            functions.append(_function_out(tool, losses, own=own))
        elif tool.dialect == NAME:
            hosted.append(msgspec.json.decode(tool.raw, type=dict[str, msgspec.Raw]))
        else:
            losses.add("tool", tool.kind)
    return [{"functionDeclarations": functions}, *hosted] if functions else hosted


def _function_out(tool: Tool, losses: Losses, *, own: bool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.custom:
        losses.add("tool.custom")
        function["parametersJsonSchema"] = _FREE_TEXT
    elif tool.schema is not None:
        function["parametersJsonSchema"] = msgspec.Raw(tool.schema)
    if tool.format is not None:
        losses.add("field", "format")
    if tool.strict:
        losses.add("strict")
    if tool.cache is not None:
        losses.add("cache")
    extras_out(function, tool.extra, losses, own=own)
    return function


def choice_out(request: ChatRequest, losses: Losses) -> Json | None:
    """The `functionCallingConfig`. Without functions there is nothing to choose, and Gemini refuses it."""
    choice = request.tool_choice
    own = request.dialect == NAME
    if choice is None or not (own or any(isinstance(tool, Tool) for tool in request.tools)):
        return None
    config: Json = {"mode": _mode(choice)}
    if choice.names:
        config["allowedFunctionNames"] = list(choice.names)
    if own:
        config.update(choice.extra)
    else:
        extras_out(None, choice.extra, losses, own=False)
    return config


def _mode(choice: ToolChoice) -> str:
    if choice.mode == "auto" and choice.names:
        return "VALIDATED"  # AUTO cannot be limited to some tools
    return _MODES[choice.mode]
