"""What a chat completion asks for, and what OpenAI refuses of it."""

from __future__ import annotations

from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Offered, Returned, Said, Shown, Thought, Told
from freehold.providers.simulated.dialect import (
    Object,
    count_at,
    number_at,
    object_at,
    objects_at,
    text_at,
    texts_at,
    wrong,
)
from freehold.providers.simulated.dialects.openai_form import check_name, read_choice, read_format, read_tool

_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "top_k", "min_p")
_LIMITS = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
_MOST_CHOICES = 128


def read(body: Object, account: Account) -> Ask:
    """What `body` asks for. Raises Refusal."""
    options = object_at(body, "stream_options")
    ask = Ask(
        model=text_at(body, "model"),
        account=account,
        stream=bool(body.get("stream")),
        include_usage=options.get("include_usage") is True,
        limit=count_at(body, "max_completion_tokens") or count_at(body, "max_tokens"),
        n=count_at(body, "n", most=_MOST_CHOICES) or 1,
        effort=body.get("reasoning_effort"),
        sampling={key: body.get(key) for key in _SAMPLING},
    )
    if options and not ask.stream:
        raise wrong(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
        )
    for key, (low, high) in _LIMITS.items():
        number_at(body, key, low, high)
    messages = objects_at(body, "messages")
    if not messages:
        raise wrong("There must be at least one message.", "messages")
    _read_messages(ask, messages)
    for index, tool in enumerate(objects_at(body, "tools")):
        _read_tool(ask, tool, f"tools[{index}].")
    choice = body.get("tool_choice")
    read_choice(ask, "required" if choice == "any" else choice, "tool_choice")
    if body.get("parallel_tool_calls") is not None:
        if not ask.tools:
            raise wrong(
                "'parallel_tool_calls' is only allowed when 'tools' are specified.", "parallel_tool_calls"
            )
        ask.parallel = body["parallel_tool_calls"] is not False
    wanted = object_at(body, "response_format")
    read_format(ask, wanted, object_at(wanted, "json_schema"), "response_format")
    ask.stop = [body["stop"]] if isinstance(body.get("stop"), str) else texts_at(body, "stop")
    if len(ask.stop) > 4:
        raise wrong("Invalid 'stop': array too long. Expected an array with maximum length 4.", "stop")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise wrong(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs"
        )
    if body.get("logprobs"):
        ask.logprobs = int(number_at(body, "top_logprobs", 0, 20) or 0)
    return ask


def _read_tool(ask: Ask, tool: Object, where: str) -> None:
    match tool.get("type") or "function":
        case "function":
            read_tool(ask, object_at(tool, "function", where), f"{where}function.")
        case "custom":
            custom = object_at(tool, "custom", where)
            ask.tools.append(Offered(text_at(custom, "name", where), custom.get("description") or ""))
        case kind if ":" in str(kind):  # a tool that a broker runs
            ask.hosted.append(kind)
        case kind:
            raise wrong(
                f"Invalid value: '{kind}'. Supported values are: 'function' and 'custom'.", f"{where}type"
            )


def _read_messages(ask: Ask, messages: list[Object]) -> None:
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = message.get("role")
        if role == "tool":
            identifier = text_at(message, "tool_call_id", f"{where}.")
            if identifier not in open_calls:
                raise wrong(
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                    where,
                )
            open_calls.remove(identifier)
            ask.turns.append(Told("user", [Returned(identifier, _content(message, where))]))
            continue
        _check_answered(open_calls, where)
        if role in ("system", "developer"):
            ask.turns.append(Told("system", _content(message, where)))
        elif role == "user":
            ask.turns.append(Told("user", _content(message, where)))
        elif role == "assistant":
            open_calls = _read_assistant(ask, message, where)
        else:
            raise wrong(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'tool', "
                "and 'developer'.",
                f"{where}.role",
            )
    _check_answered(open_calls, "messages")


def _check_answered(open_calls: list[str], where: str) -> None:
    if open_calls:
        raise wrong(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            where,
        )


def _read_assistant(ask: Ask, message: Object, where: str) -> list[str]:
    told = Told("assistant", [])
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str):
        told.parts.append(Thought(thought))
    told.parts += _content(message, where, optional=True)
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        told.parts.append(Said(message["refusal"]))
    calls: list[str] = []
    for index, call in enumerate(objects_at(message, "tool_calls", f"{where}.")):
        here = f"{where}.tool_calls[{index}]"
        identifier = text_at(call, "id", f"{here}.")
        if not 0 < len(identifier) <= 64:
            raise wrong(f"Invalid '{here}.id': expected 1 to 64 characters.", here)
        if identifier in calls:
            raise wrong(f"Duplicate value for '{here}.id'.", here)
        kind = "custom" if call.get("type") == "custom" else "function"
        function = object_at(call, kind, f"{here}.")
        name = text_at(function, "name", f"{here}.{kind}.")
        check_name(name, f"{here}.{kind}.name")
        arguments = text_at(function, "arguments" if kind == "function" else "input", f"{here}.{kind}.")
        told.parts.append(Called(identifier, name, arguments))
        calls.append(identifier)
    ask.turns.append(told)
    return calls


def _content(message: Object, where: str, *, optional: bool = False) -> list[Any]:
    content = message.get("content")
    if isinstance(content, str):
        return [Said(content)]
    if content is None and optional:
        return []
    parts = objects_at(message, "content", f"{where}.")
    if not parts and not optional:
        raise wrong(f"Invalid value for 'content': expected a string, got {content}.", f"{where}.content")
    return [_part(part, f"{where}.content[{index}]") for index, part in enumerate(parts)]


def _part(part: Object, where: str) -> Said | Shown | Thought:  # noqa: PLR0911 - one row for each type
    match part.get("type"):
        case "text" | "refusal" as kind:
            return Said(text_at(part, kind, f"{where}."))
        case "image_url":
            return media("image", text_at(object_at(part, "image_url", where), "url", where))
        case "input_audio":
            return Shown("audio", text_at(object_at(part, "input_audio", where), "data", where))
        case "file":
            file = object_at(part, "file", where)
            return media("document", file.get("file_data") or file.get("file_id") or "")
        case "video_url":
            return media("video", text_at(object_at(part, "video_url", where), "url", where))
        case "document_url":
            return media("document", text_at(part, "document_url", where))
        case "thinking":
            return Thought("".join(str(one.get("text", "")) for one in objects_at(part, "thinking", where)))
        case kind:
            raise wrong(f"Invalid value: '{kind}'.", f"{where}.type")


def media(kind: str, url: object) -> Shown:
    """Media behind a URL, or in it."""
    if not isinstance(url, str):
        raise wrong(f"Invalid value for the {kind}: expected a string.")
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        if not head.endswith(";base64"):
            raise wrong("Invalid data URL: expected base64.", "image_url")
        return Shown(kind, data)
    return Shown(kind, reference=url)
