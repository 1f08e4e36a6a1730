"""Whether a request, as it comes out of another dialect, asks the same: every difference has to be declared."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from typing import Any

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Message, Reasoning, Refusal, State, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, HostedTool, Tool

_WIRE = re.compile(r"[^A-Za-z0-9_.-]+")
Facts = dict[str, Any]

_COVERED: dict[str, tuple[str, ...]] = {
    "top_logprobs": ("logprobs",),
    "cache_key": ("cache",),
    "safety_key": ("user",),
    "user": ("metadata",),
    "audio": ("modalities",),
    "stop": ("stop",),
    "tool_choice": ("tool_choice", "tool"),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "response_format": ("response_format", "schema", "strict"),
    "reasoning": ("reasoning", "reasoning.effort", "reasoning.budget", "reasoning.shown"),
}
"""Further losses that tell of a field of the request, besides the one of its own name."""

_NEEDLESS: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "parallel_tool_calls": (True,),
    "store": (False, True),
    "logprobs": (False,),
    "service_tier": ("auto", "default", "standard", "standard_only"),
    "modalities": (["text"], ["TEXT"]),
    "verbosity": ("medium",),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "temperature": (1.0,),
}
"""What says no more than leaving the field out does."""


def differences(told: ChatRequest, heard: ChatRequest, losses: Losses) -> list[str]:
    """What differs between the two and is no declared loss."""
    names = set(losses.names)
    found = _of_conversation(told, heard, names)
    found += _of_tools(told, heard, names)
    found += _of_fields(told, heard, names)
    if not losses.incomplete:
        found += [f"field {name}" for name in _extras(told, names) if not _is_named(name, names)]
    return found


def _of_conversation(told: ChatRequest, heard: ChatRequest, names: set[str]) -> list[str]:
    one, other = _conversation(told), _conversation(heard)
    found = []
    if "system.position" in names:
        words = Counter(one["system"] + one["user"])
        if words - Counter(other["system"] + other["user"]):
            found.append("words of the system")
    for what in one:
        if one[what] == other[what]:
            continue
        if names & _EXCUSED.get(what, set()) or _only_more(what, one[what], other[what], names):
            continue
        found.append(f"{what} {_brief(one[what])}, then {_brief(other[what])}")
    if _has_state(told) and "reasoning.state" not in names and "reasoning" not in names:
        found.append("state of another provider")
    foreign = [part for message in told.messages for part in message.parts if isinstance(part, Foreign)]
    return found + [f"part {part.kind}" for part in foreign if not _is_named(part.kind, names)]


def _only_more(what: str, one: Any, other: Any, names: set[str]) -> bool:
    """Whether there is only more than before, and what is more stands in for a declared loss."""
    if what == "roles":
        return bool(other[1:] == one and other[0] == "user")  # some demand that the user begins
    if "system.position" in names and what in ("system", "user"):
        return True  # what is moved is compared in all words together
    asked_in_words = what == "system" and "response_format" in names
    moved = what == "user" and "tool_result.media" in names
    return (asked_in_words or moved) and str(other).startswith(str(one))


_FILLER = "(nocontent)"
"""What stands for a turn without words, where those are refused."""

_EXCUSED: dict[str, set[str]] = {
    "reasoning": {"reasoning"},
    "roles": {"system.position", "message.blank", "reasoning", "reasoning.state", "part"},
    "media": {"image", "audio", "video", "document", "file", "tool_result.media", "field.name"},
    "calls": {"field.arguments", "tool.custom"},
    "failed": {"tool_result.failed"},
    "cache": {"cache"},
}


def _conversation(request: ChatRequest) -> Facts:
    """What is said, by whom, in which order: what makes no difference left out."""
    facts: Facts = {"system": "", "user": "", "assistant": "", "reasoning": "", "roles": []}
    calls: list[tuple[str, Any]] = []
    results: list[tuple[int, str]] = []
    media: list[tuple[str, str]] = []
    failed: list[int] = []
    numbers: dict[str, int] = {}
    cached = request.cache is not None
    for message in request.messages:
        role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
        if role != "system" and _says(message) and (not facts["roles"] or facts["roles"][-1] != role):
            facts["roles"].append(role)
        for part in message.parts:
            cached = cached or getattr(part, "cache", None) is not None
            if isinstance(part, Text | Refusal):
                facts[role] += "".join(part.text.split())
            elif isinstance(part, Reasoning):
                facts["reasoning"] += "".join((part.text + "".join(part.summary)).split())
            elif isinstance(part, ToolCall):
                numbers[part.id] = len(calls)
                calls.append((part.name, _plain(part.arguments or "{}")))
            elif isinstance(part, Media):
                media.append(_medium(part))
            elif isinstance(part, ToolResult):
                number = numbers.get(part.call_id, -1)
                results.append((number, _result_text(part)))
                media += [_medium(item) for item in part.content if isinstance(item, Media)]
                if part.failed:
                    failed.append(number)
    for role in ("user", "assistant"):
        facts[role] = facts[role].replace(_FILLER, "")
    return {
        **facts,
        "calls": calls,
        "results": sorted(results),
        "media": sorted(media),
        "failed": sorted(failed),
        "cache": cached,
    }


def _says(message: Message) -> bool:
    return any(
        not isinstance(part, Foreign | Reasoning) and not (isinstance(part, Text) and not part.text.strip())
        for part in message.parts
    )


def _medium(media: Media) -> tuple[str, str]:
    source = media.data or media.url or media.file_id or ""
    if media.text is not None:
        source = base64.b64encode(media.text.encode()).decode()
    return media.kind, "".join(source.split())[-80:].replace("-", "+").replace("_", "/").rstrip("=")


def _result_text(result: ToolResult) -> str:
    text = "".join(item.text for item in result.content if isinstance(item, Text))
    said = _plain(text or "{}")
    if isinstance(said, dict) and len(said) == 1 and set(said) <= {"output", "result", "error"}:
        said = _plain(str(next(iter(said.values())))) if isinstance(next(iter(said.values())), str) else said
    return json.dumps(said, sort_keys=True) if not isinstance(said, str) else "".join(said.split())


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _of_tools(told: ChatRequest, heard: ChatRequest, names: set[str]) -> list[str]:
    tools = {tool.name: tool for tool in told.tools if isinstance(tool, Tool)}
    others = {tool.name: tool for tool in heard.tools if isinstance(tool, Tool)}
    allowed = told.tool_choice.names if told.tool_choice is not None else ()
    gone = tools.keys() - others.keys()
    found = [f"tool {name} is gone" for name in gone if name in allowed or not allowed]
    schemas = any(name == "schema" or name.startswith("schema.") for name in names)
    for name in tools.keys() & others.keys():
        one, other = tools[name], others[name]
        if (one.description or "") != (other.description or ""):
            found.append(f"description of {name}")
        if not schemas and not one.custom and _schema(one.schema) != _schema(other.schema):
            found.append(
                f"schema of {name}: {_brief(_schema(one.schema))}, then {_brief(_schema(other.schema))}"
            )
        if one.strict and not other.strict and "strict" not in names:
            found.append(f"strictness of {name}")
        if one.custom and not other.custom and "tool.custom" not in names:
            found.append(f"free text of {name}")
    hosted = [tool.kind for tool in told.tools if isinstance(tool, HostedTool)]
    return found + [f"hosted tool {kind}" for kind in hosted if not _is_named(kind, names)]


def _schema(raw: bytes | None) -> Any:
    schema = _plain((raw or b"{}").decode())
    if not isinstance(schema, dict):
        return "of no arguments"
    plain = {"type", "properties", "additionalProperties", "required"}
    return "of no arguments" if set(schema) <= plain and not schema.get("properties") else _closed(schema)


def _of_fields(told: ChatRequest, heard: ChatRequest, names: set[str]) -> list[str]:
    found = []
    for name in ChatRequest.__struct_fields__:
        if name in _NOT_COMPARED:
            continue
        one, other = _plain_field(told, name), _plain_field(heard, name)
        if one in (None, [], "", False, {}) or one == other or one in _NEEDLESS.get(name, ()):
            continue
        covered = {name, f"field.{name}", *_COVERED.get(name, ())}
        if not any(loss in covered or loss.split(".")[0] in covered for loss in names):
            found.append(f"{name} {_brief(one)}, then {_brief(other)}")
    return found


def _plain_field(request: ChatRequest, name: str) -> Any:
    """The field without what says nothing, or says the same in another way."""
    value = _value(getattr(request, name))
    if not value:
        return value
    if name == "reasoning":
        return _wish(value)
    if name == "response_format":
        return None if value["kind"] == "text" else (value["kind"], _closed(value.get("schema")))
    return _chosen(request, value) if name == "tool_choice" else value


def _chosen(request: ChatRequest, value: Facts) -> Any:
    """How a tool is to be chosen, and of which: one that has to be called may be named, or be the only one."""
    tools = {tool.name for tool in request.tools if isinstance(tool, Tool)}
    limited = set(value.get("names", ()))
    mode = "required" if value["mode"] == "named" else value["mode"]
    if not request.tools:
        return None
    return mode, (tools if not limited or limited >= tools else limited)


def _wish(value: Facts) -> Any:
    """Off, or on with how much; that a model may think as it likes is what it does when nobody says anything."""
    if value.get("mode") == "disabled" or value.get("effort") == "none" or value.get("budget") == 0:
        return "off"
    said = {name: value[name] for name in ("effort", "budget") if value.get(name) not in (None, -1)}
    return said or None


def _closed(schema: Any) -> Any:
    """The schema, whose objects have to be closed for those who follow it strictly."""
    if isinstance(schema, dict):
        return {
            name: _closed(one)
            for name, one in schema.items()
            if (name, one) != ("additionalProperties", False)
        }
    return [_closed(one) for one in schema] if isinstance(schema, list) else schema


_NOT_COMPARED = ("messages", "tools", "extra", "dialect", "legacy", "stream_usage", "cache")


def _value(value: Any) -> Any:
    if hasattr(value, "__struct_fields__"):
        fields = {name: _value(getattr(value, name)) for name in value.__struct_fields__ if name != "extra"}
        return {name: inner for name, inner in fields.items() if inner not in (None, (), [])}
    if isinstance(value, bytes):
        return _plain(value.decode())
    return value


def _has_state(request: ChatRequest) -> bool:
    states: list[State | None] = [
        getattr(part, "state", None)
        for message in request.messages
        for part in message.parts
        if not isinstance(part, Foreign)  # which is lost as a whole, its state included
    ]
    return any(state is not None for state in states)


def _extras(request: ChatRequest, names: set[str]) -> list[str]:
    """Of all that is not lost as a whole."""
    thoughts = bool(names & {"reasoning", "reasoning.state"})
    found: list[Fields] = [request.extra]
    for message in request.messages:
        found.append(message.extra)
        found += [
            part.extra
            for part in message.parts
            if not isinstance(part, Foreign)
            and not (thoughts and isinstance(part, Reasoning))
            and not (isinstance(part, Media) and part.kind in names)
        ]
    found += [tool.extra for tool in request.tools if isinstance(tool, Tool)]
    found += [
        one.extra
        for one in (request.tool_choice, request.response_format, request.reasoning)
        if one is not None
    ]
    return sorted({name for extra in found for name, raw in extra.items() if bytes(raw) not in _EMPTY})


_EMPTY = (b"null", b"[]", b"{}", b"false", b'""')


def _is_named(name: str, names: set[str]) -> bool:
    word = _WIRE.sub("_", name[:64])
    return any(loss.split(".", 1)[-1] == word or loss.endswith(f".{word}") for loss in names)


def _brief(value: Any) -> str:
    return repr(value)[:160]
