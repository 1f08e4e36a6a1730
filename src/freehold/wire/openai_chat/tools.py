"""Tools that the model may call, and which of them it must."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import CacheMark
from freehold.core.request import HostedTool, Tool, ToolChoice
from freehold.wire.dialect import Quirks
from freehold.wire.openai_chat.names import NAME, Written, encode, put_extra, with_inner
from freehold.wire.reading import Object, Unreadable, is_text, plain

_NO_ARGUMENTS = msgspec.Raw(b'{"type":"object","properties":{}}')
FREE_TEXT = msgspec.Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)
"""What stands in for free text where only JSON can be asked for."""


def tools_of(raws: list[msgspec.Raw]) -> list[Tool | HostedTool]:
    """The field `tools`."""
    return [_tool(raw, f"tools[{at}]") for at, raw in enumerate(raws)]


def _tool(raw: msgspec.Raw, place: str) -> Tool | HostedTool:
    tool = Object(raw, place)
    kind = tool.take("type", str) or "function"
    if kind not in ("function", "custom") or (kind == "custom" and not tool.has("custom")):
        return HostedTool(dialect=NAME, kind=kind, raw=bytes(raw))
    cache = tool.take_object("cache_control")
    found = function_of(tool.take_object(kind) or tool)
    found.cache = None if cache is None else CacheMark(cache.take("ttl", str))
    found.custom = kind == "custom"
    if found.custom and found.format is not None:
        found.format = _flat(found.format)
    found.extra = with_inner(tool.rest(), kind, found.extra)
    return found


def function_of(held: Object) -> Tool:
    """A function as it is described, in `tools` and in the legacy `functions`."""
    tool = Tool(
        name=held.need("name", str),
        description=held.take("description", str),
        schema=held.take_raw("parameters"),
        strict=held.take("strict", bool),
        format=held.take_raw("format"),
    )
    tool.extra = held.rest()
    return tool


def _flat(form: bytes) -> bytes:
    """A custom tool's format as openai-responses writes it, which is flat."""
    fields = plain(form)
    if isinstance(fields, dict) and isinstance(fields.get("grammar"), dict):
        return encode({"type": "grammar", **fields["grammar"]})
    return form


def _nested(form: bytes) -> msgspec.Raw:
    fields = plain(form)
    if isinstance(fields, dict) and fields.get("type") == "grammar" and "grammar" not in fields:
        return msgspec.Raw(
            encode({"type": "grammar", "grammar": {name: fields[name] for name in fields if name != "type"}})
        )
    return msgspec.Raw(form)


def choice_of(raw: bytes) -> ToolChoice:
    """The field `tool_choice`, or the legacy `function_call`."""
    if is_text(raw):
        mode = str(plain(raw))
        if mode in ("auto", "none"):
            return ToolChoice(mode=mode)  # type: ignore[arg-type]
        if mode in ("required", "any"):
            return ToolChoice(mode="required")
        raise Unreadable("tool_choice", f"is none of the known choices: `{mode[:64]}`")
    choice = Object(raw, "tool_choice")
    kind = choice.take("type", str)
    allowed = choice.take_object("allowed_tools")
    if allowed is not None:
        mode = allowed.take("mode", str) or "auto"
        names = tuple(_name(tool) for tool in allowed.take_objects("tools") or ())
        return ToolChoice(mode="required" if mode == "required" else "auto", names=names, extra=choice.rest())
    if kind not in (None, "function", "custom"):
        raise Unreadable("tool_choice.type", f"is none of the known types: `{kind[:64]}`")
    return ToolChoice(mode="named", names=(_name(choice),), extra=choice.rest())


def _name(tool: Object) -> str:
    held = tool.take_object("function") or tool.take_object("custom") or tool
    tool.drop("type")
    return held.need("name", str)


def written_tools(
    tools: list[Tool | HostedTool], quirks: Quirks, losses: Losses, *, same_dialect: bool
) -> list[Written | msgspec.Raw]:
    """The tools for a provider."""
    written: list[Written | msgspec.Raw] = []
    for tool in tools:
        if isinstance(tool, Tool):
            written.append(_written(tool, quirks, losses, same_dialect=same_dialect))
        elif tool.dialect == NAME:
            written.append(msgspec.Raw(tool.raw))
        else:
            losses.add("tool", tool.kind)
    return written


def _written(tool: Tool, quirks: Quirks, losses: Losses, *, same_dialect: bool) -> Written:
    custom = tool.custom and quirks.custom_tools
    kind = "custom" if custom else "function"
    held: Written = {"name": tool.name}
    if tool.description is not None:
        held["description"] = tool.description
    if not custom:
        _put_schema(held, tool, losses, same_dialect=same_dialect)
    elif tool.format is not None:
        held["format"] = _nested(tool.format)
    written: Written = {"type": kind, kind: held}
    if tool.cache is not None:
        if same_dialect or quirks.cache_control:
            written["cache_control"] = cache_control(tool.cache)
        else:
            losses.add("cache")
    put_extra(written, tool.extra, losses, same_dialect=same_dialect, inner=kind)
    return written


def _put_schema(held: Written, tool: Tool, losses: Losses, *, same_dialect: bool) -> None:
    if tool.custom:
        losses.add("tool.custom")
        held["parameters"] = FREE_TEXT
    elif tool.schema is not None:
        held["parameters"] = msgspec.Raw(tool.schema)
    elif not same_dialect:
        held["parameters"] = _NO_ARGUMENTS  # some servers insist on a schema
    if tool.strict is not None:
        held["strict"] = tool.strict


def cache_control(mark: CacheMark) -> Written:
    """Anthropic's mark, which OpenRouter and others take too."""
    return {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}


def limited(tools: list[Tool | HostedTool], choice: ToolChoice) -> list[Tool | HostedTool]:
    """The tools that `choice` leaves. Few servers know `allowed_tools`, and this says the same."""
    if not choice.names:
        return tools
    return [tool for tool in tools if isinstance(tool, HostedTool) or tool.name in choice.names]


def names_one(choice: ToolChoice) -> bool:
    """Whether one tool must be called, which every server can be told: the others stay in the model's sight."""
    return choice.mode == "named" and len(choice.names) == 1


def written_choice(
    choice: ToolChoice, tools: list[Tool | HostedTool], quirks: Quirks, *, same_dialect: bool
) -> str | Written:
    """The choice for a provider that is sent `tools`: all of them in the same dialect, else those it is limited to."""
    if names_one(choice):
        return _reference(choice.names[0], tools, quirks)
    if choice.names and same_dialect:
        mode = "auto" if choice.mode == "auto" else "required"
        references = [_reference(name, tools, quirks) for name in choice.names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": references}}
    return "required" if choice.mode == "named" else choice.mode


def _reference(name: str, tools: list[Tool | HostedTool], quirks: Quirks) -> Written:
    custom = quirks.custom_tools and any(
        isinstance(tool, Tool) and tool.custom and tool.name == name for tool in tools
    )
    kind = "custom" if custom else "function"
    return {"type": kind, kind: {"name": name}}
