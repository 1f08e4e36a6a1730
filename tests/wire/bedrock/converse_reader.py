"""Recorded requests of Converse read into the internal form: no client speaks it, so only tests read them."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.parts import (
    CacheMark,
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import (
    ChatRequest,
    HostedTool,
    ReasoningWish,
    ResponseFormat,
    Tool,
    ToolChoice,
)

NAME = "bedrock-converse"
_MEDIA = ("image", "document", "video")
_KNOWN = (
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "outputConfig",
    "serviceTier",
    "requestMetadata",
)


def read(body: dict[str, Any]) -> ChatRequest:
    """What the request asks for, for the provider `here`."""
    system = Message(role="system", parts=_parts(body.get("system", [])))
    messages = [Message(role=one["role"], parts=_parts(one["content"])) for one in body["messages"]]
    inference = body.get("inferenceConfig", {})
    tools = body.get("toolConfig", {})
    more = dict(body.get("additionalModelRequestFields", {}))
    extra = {name: value for name, value in body.items() if name not in _KNOWN}
    request = ChatRequest(
        model="here",
        messages=[system, *messages],
        tools=_tools(tools.get("tools", [])),
        tool_choice=_choice(tools.get("toolChoice")),
        response_format=_format(body.get("outputConfig")),
        max_tokens=inference.get("maxTokens"),
        temperature=inference.get("temperature"),
        top_p=inference.get("topP"),
        stop=inference.get("stopSequences", []),
        reasoning=_wish(more),
        top_k=more.pop("top_k", None) or more.pop("inferenceConfig", {}).get("topK"),
        service_tier=body.get("serviceTier", {}).get("type"),
        metadata=msgspec.json.encode(body["requestMetadata"]) if "requestMetadata" in body else None,
        dialect=NAME,
    )
    extra.pop("additionalModelRequestFields", None)
    request.extra = {name: _raw(value) for name, value in extra.items()}
    return request


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _wish(more: dict[str, Any]) -> ReasoningWish | None:
    thought = more.get("thinking")
    effort = (
        more.get("output_config", {}).get("effort")
        or more.get("reasoning_effort")
        or more.get("reasoning_config")
    )
    if thought is None and effort is None:
        return None
    thought = thought or {}
    return ReasoningWish(mode=thought.get("type"), budget=thought.get("budget_tokens"), effort=effort)


def _format(config: Any) -> ResponseFormat | None:
    if config is None:
        return None
    schema = config["textFormat"]["structure"]["jsonSchema"]
    return ResponseFormat(
        kind="schema",
        name=schema["name"],
        description=schema.get("description"),
        schema=schema["schema"].encode(),
    )


def _choice(choice: Any) -> ToolChoice | None:
    if choice is None or "auto" in choice:
        return None
    if "tool" in choice:
        return ToolChoice(mode="named", names=(choice["tool"]["name"],))
    return ToolChoice(mode="required")


def _tools(blocks: list[Any]) -> list[Tool | HostedTool]:
    tools: list[Tool | HostedTool] = []
    for block in blocks:
        if "cachePoint" in block:
            last = tools[-1]
            assert isinstance(last, Tool)
            last.cache = CacheMark(ttl=block["cachePoint"].get("ttl"))
        elif "toolSpec" in block:
            known = block["toolSpec"]
            tools.append(
                Tool(
                    name=known["name"],
                    description=known.get("description"),
                    schema=msgspec.json.encode(known["inputSchema"]["json"]),
                    strict=known.get("strict"),
                )
            )
        else:
            tools.append(HostedTool(dialect=NAME, kind=next(iter(block)), raw=msgspec.json.encode(block)))
    return tools


def _parts(blocks: list[Any]) -> list[Part]:
    parts: list[Part] = []
    for block in blocks:
        if "cachePoint" in block:
            last = parts[-1]
            assert isinstance(last, Text | Media | ToolCall | ToolResult)
            last.cache = CacheMark(ttl=block["cachePoint"].get("ttl"))
        else:
            parts.append(_part(block))
    return parts


def _part(block: dict[str, Any]) -> Part:
    ((kind, value),) = block.items()
    if kind == "text":
        return Text(text=value)
    if kind in _MEDIA:
        return _media(kind, value)
    if kind == "toolUse" and "type" not in value:
        return ToolCall(
            id=value["toolUseId"], name=value["name"], arguments=msgspec.json.encode(value["input"]).decode()
        )
    if kind == "toolResult" and "type" not in value:
        return _result(value)
    if kind == "reasoningContent":
        shown = value.get("reasoningText", {})
        state = State(data=shown["signature"], kind="signature") if "signature" in shown else None
        if "redactedContent" in value:
            state = State(data=value["redactedContent"], kind="redacted")
        return Reasoning(text=shown.get("text", ""), state=state)
    return Foreign(dialect=NAME, kind=kind, raw=msgspec.json.encode(block))


def _result(value: dict[str, Any]) -> ToolResult:
    content: list[Text | Media | Foreign] = []
    for piece in value["content"]:
        part = _part(piece)
        assert isinstance(part, Text | Media | Foreign)
        content.append(part)
    status = value.get("status")
    return ToolResult(
        call_id=value["toolUseId"], content=content, failed=None if status is None else status == "error"
    )


def _media(kind: Any, value: dict[str, Any]) -> Media:
    source = value["source"]
    media = Media(kind=kind, name=value.get("name"))
    media.mime_type = {"txt": "text/plain", "pdf": "application/pdf"}.get(
        value["format"], f"{kind}/{value['format']}"
    )
    if "/" in value["format"]:
        media.mime_type = value["format"]
    if "bytes" in source:
        media.data = source["bytes"]
    else:
        media.url = source["s3Location"]["uri"]
    return media
