"""`tools` and `toolConfig` into the internal form."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.request import ChatRequest, HostedTool, Tool, ToolChoice
from freehold.wire.gemini.fields import NAME, Camel, encode, inner
from freehold.wire.gemini.schema import json_schema


def tools_in(items: list[Camel]) -> list[Tool | HostedTool]:
    """Every function, and every tool that Google runs itself, one by one."""
    tools: list[Tool | HostedTool] = []
    for item in items:
        tools.extend(_function_in(function) for function in item.take_many("functionDeclarations"))
        for kind, raw in item.rest().items():
            tools.append(HostedTool(dialect=NAME, kind=kind, raw=encode({kind: raw})))
    return tools


def _function_in(function: Camel) -> Tool:
    schema = function.take_raw("parametersJsonSchema")
    older = function.take_raw("parameters")
    if schema is None and older is not None:
        schema = json_schema(older)
    return Tool(
        name=function.need("name", str),
        description=function.take("description", str),
        schema=schema,
        extra=function.rest(),
    )


_CHOICES = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}


def choice_in(request: ChatRequest, config: Camel) -> None:
    """Fills in `tool_choice`; what nobody knows becomes `toolConfig.…` among the extras."""
    calling = config.take_object("functionCallingConfig")
    if calling is not None:
        request.tool_choice = _choice_in(calling)
    request.extra.update(inner("toolConfig", config.rest()))


def _choice_in(calling: Camel) -> ToolChoice | None:
    word = calling.take_enum("mode")
    names = tuple(calling.take("allowedFunctionNames", list[str]) or ())
    extra: Fields = calling.rest()
    if word is None and not names and not extra:
        return None
    mode = _CHOICES.get(word or "AUTO")
    if mode is None or word == "VALIDATED":
        extra["mode"] = msgspec.Raw(encode(word))
    if mode == "required":
        return ToolChoice(mode="named" if len(names) == 1 else "required", names=names, extra=extra)
    return ToolChoice(mode="none" if mode == "none" else "auto", names=names, extra=extra)
