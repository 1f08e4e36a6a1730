"""What a request to Cohere's chat asks for, and what Cohere refuses of it."""

from __future__ import annotations

import json
import re
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Returned, Said, Shown, Thought, Told
from freehold.providers.simulated.dialect import (
    Object,
    count_at,
    list_at,
    number_at,
    object_at,
    objects_at,
    text_at,
    texts_at,
    wrong,
)
from freehold.providers.simulated.dialects.openai_chat_request import media
from freehold.providers.simulated.dialects.openai_form import read_tool

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


def read(body: Object, account: Account) -> Ask:
    """What `body` asks for. Raises Refusal."""
    number_at(body, "p", 0.01, 0.99)
    number_at(body, "k", 0, 500)
    number_at(body, "temperature", 0, 2)
    for key in ("presence_penalty", "frequency_penalty"):
        number_at(body, key, 0, 1)
    thinking = object_at(body, "thinking")
    ask = Ask(
        model=text_at(body, "model"),
        account=account,
        stream=body.get("stream") is True,
        limit=count_at(body, "max_tokens"),
        stop=texts_at(body, "stop_sequences"),
        logprobs=0 if body.get("logprobs") else None,
        sampling={name: body.get(key) for name, key in _SAMPLING.items()},
        effort="none" if thinking.get("type") == "disabled" else None,
        budget=thinking.get("token_budget"),
    )
    if len(ask.stop) > 5:
        raise wrong("invalid request: stop_sequences must have at most 5 items")
    for index, tool in enumerate(objects_at(body, "tools")):
        if tool.get("type") != "function":
            raise wrong(f"invalid request: tools[{index}].type must be function")
        function = object_at(tool, "function")
        if not _NAME.fullmatch(str(function.get("name"))):
            raise wrong(f"invalid request: tools[{index}].function.name has characters that are not allowed")
        read_tool(ask, function, f"tools[{index}].function.")
    choice = body.get("tool_choice")
    if choice not in (None, "REQUIRED", "NONE"):
        raise wrong("invalid request: tool_choice must be REQUIRED or NONE")
    if choice is not None and not ask.tools:
        raise wrong("invalid request: tool_choice can only be specified if tools are specified")
    ask.choice = {None: "auto", "REQUIRED": "required", "NONE": "none"}[choice]  # type: ignore[assignment]
    wanted = object_at(body, "response_format")
    if wanted.get("type") == "json_object":
        ask.json = True
        ask.schema = wanted.get("json_schema") or wanted.get("schema")
        if ask.tools:
            raise wrong("invalid request: response_format cannot be used together with tools")
    _read_messages(ask, objects_at(body, "messages"))
    for document in list_at(body, "documents"):
        ask.turns[-1].parts.append(Shown("document", text=_document(document)))
    return ask


def _read_messages(ask: Ask, messages: list[Object]) -> None:
    if not messages:
        raise wrong("invalid request: messages must not be empty")
    if messages[-1].get("role") not in ("user", "tool"):
        raise wrong("invalid request: the last message must be from the user or a tool")
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        role, where = message.get("role"), f"messages[{index}]"
        if role == "tool":
            identifier = text_at(message, "tool_call_id", f"{where}.")
            if identifier not in open_calls:
                raise wrong(
                    f"invalid request: {where}: no tool call with the id {identifier} in the last message"
                )
            open_calls.remove(identifier)
            ask.turns.append(Told("user", [Returned(identifier, _content(message, where))]))
            continue
        if open_calls:
            raise wrong(f"invalid request: {where}: missing tool results for {', '.join(open_calls)}")
        if role in ("system", "user"):
            ask.turns.append(Told(role, _content(message, where)))
        elif role == "assistant":
            open_calls = _read_assistant(ask, message, where)
        else:
            raise wrong(f"invalid request: {where}.role must be one of user, assistant, system, tool")
    if open_calls:
        raise wrong(f"invalid request: missing tool results for {', '.join(open_calls)}")


def _read_assistant(ask: Ask, message: Object, where: str) -> list[str]:
    parts: list[Any] = _content(message, where) if message.get("content") else []
    if message.get("tool_plan"):
        parts.append(Said(text_at(message, "tool_plan", f"{where}.")))
    calls = []
    for call in objects_at(message, "tool_calls", f"{where}."):
        identifier = text_at(call, "id", f"{where}.tool_calls.")
        function = object_at(call, "function", f"{where}.tool_calls.")
        arguments = text_at(function, "arguments", f"{where}.tool_calls.function.")
        parts.append(
            Called(identifier, text_at(function, "name", f"{where}.tool_calls.function."), arguments)
        )
        calls.append(identifier)
    if not parts:
        raise wrong(f"invalid request: {where} must have content or tool calls")
    ask.turns.append(Told("assistant", parts))
    return calls


def _content(message: Object, where: str) -> list[Any]:
    content = message.get("content")
    if isinstance(content, str):
        if not content and message["role"] != "tool":
            raise wrong(f"invalid request: {where}.content must not be empty")
        return [Said(content)]
    parts = objects_at(message, "content", f"{where}.")
    if not parts:
        raise wrong(f"invalid request: {where}.content must not be empty")
    return [_part(part, f"{where}.content[{index}]") for index, part in enumerate(parts)]


def _part(part: Object, where: str) -> Said | Shown | Thought:
    match part.get("type"):
        case "text":
            return Said(text_at(part, "text", f"{where}."))
        case "thinking":
            return Thought(text_at(part, "thinking", f"{where}."))
        case "image_url":
            return media("image", text_at(object_at(part, "image_url"), "url", f"{where}."))
        case "document":
            return Said(_document(object_at(part, "document", f"{where}.")))
        case kind:
            raise wrong(f"invalid request: {where}.type: {kind} is not a type of content")


def _document(document: object) -> str:
    """Its text, or all of it as JSON."""
    data = document.get("data") if isinstance(document, dict) else document
    if (
        isinstance(data, dict)
        and len(data) == 1
        and next(iter(data)) in ("text", "snippet", "content", "data")
    ):
        data = next(iter(data.values()))
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, sort_keys=True)
