"""Tools, the choice among them, the form of the answer and the wish for reasoning, read."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from freehold.core.request import HostedTool, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire.reading import Object, Unreadable, is_text
from freehold.wire.responses.vocabulary import NAME

_Mode = Literal["auto", "none", "required"]
_MODES: tuple[str, ...] = get_args(_Mode)
_KINDS = {"json_object": "json", "json_schema": "schema", "text": "text"}


def read_tools(body: Object) -> list[Tool | HostedTool]:
    """The field `tools`."""
    place = body.place("tools")
    return [read_tool(raw, f"{place}[{at}]") for at, raw in enumerate(body.take_list("tools") or ())]


def read_tool(raw: msgspec.Raw, path: str) -> Tool | HostedTool:
    """One tool: what the client does not run itself is hosted."""
    tool = Object(raw, path)
    kind = tool.need("type", str)
    if kind not in ("function", "custom"):
        return HostedTool(dialect=NAME, kind=kind, raw=bytes(raw))
    # Some clients of the chat dialect only changed the address.
    nested = tool.take_object(kind) if tool.has(kind) and not tool.has("name") else None
    source = tool if nested is None else nested
    custom = kind == "custom"
    return Tool(
        name=source.need("name", str),
        description=source.take("description", str),
        schema=None if custom else source.take_raw("parameters"),
        strict=None if custom else source.take("strict", bool),
        custom=custom,
        format=source.take_raw("format") if custom else None,
        extra={**tool.rest(), **source.rest()},
    )


def read_tool_choice(body: Object) -> ToolChoice | None:
    """The field `tool_choice`. The choice of a hosted tool is kept field by field: elsewhere it is `auto`."""
    raw = body.take_raw("tool_choice")
    if raw is None:
        return None
    place = body.place("tool_choice")
    if is_text(raw):
        mode = msgspec.json.decode(raw, type=str)
        if mode not in _MODES:
            raise Unreadable(place, f"is `{mode}`, not one of {', '.join(_MODES)}")
        return ToolChoice(mode=mode)  # type: ignore[arg-type]
    choice = Object(raw, place)
    whole = choice.rest()
    kind = choice.need("type", str)
    if kind in ("function", "custom"):
        nested = choice.take_object(kind)
        return ToolChoice(mode="named", names=((nested or choice).need("name", str),))
    if kind == "allowed_tools":
        return _allowed(choice)
    return ToolChoice(mode="auto", extra=whole)


def _allowed(choice: Object) -> ToolChoice:
    mode = choice.take("mode", str)
    raw = choice.take_raw("tools")
    names: list[str] = []
    hosted = False
    for tool in Object(b'{"tools":%b}' % (raw or b"[]"), choice.path).take_objects("tools") or ():
        name = tool.take("name", str)
        if tool.take("type", str) in ("function", "custom") and name is not None:
            names.append(name)
        else:
            hosted = True
    return ToolChoice(
        mode="required" if mode == "required" else "auto",
        names=tuple(names),
        extra={"tools": msgspec.Raw(raw)} if hosted and raw is not None else {},
    )


def read_text(body: Object) -> tuple[ResponseFormat | None, str | None, bytes | None]:
    """The field `text`: the form of the answer, its verbosity, and what else is there."""
    text = body.take_object("text")
    if text is None:
        return None, None, None
    form = text.take_object("format")
    response_format = None
    if form is not None:
        kind = form.need("type", str)
        if kind not in _KINDS:
            raise Unreadable(form.place("type"), f"is `{kind}`, not one of {', '.join(_KINDS)}")
        response_format = ResponseFormat(
            kind=_KINDS[kind],  # type: ignore[arg-type]
            name=form.take("name", str),
            description=form.take("description", str),
            schema=form.take_raw("schema"),
            strict=form.take("strict", bool),
            extra=form.rest(),
        )
    verbosity = text.take("verbosity", str)
    rest = text.rest()
    return response_format, verbosity, msgspec.json.encode(rest) if rest else None


def read_reasoning_wish(body: Object) -> ReasoningWish | None:
    """The field `reasoning`."""
    wish = body.take_object("reasoning")
    if wish is None:
        return None
    effort, summary = wish.take("effort", str), wish.take("summary", str)
    former = wish.take("generate_summary", str)
    summary = former if summary is None else summary
    rest = wish.rest()
    if effort is None and summary is None and not rest:
        return None
    return ReasoningWish(effort=effort, summary=summary, extra=rest)
