"""Clients of four dialects: each keeps a conversation as its kind of program does, and sends it whole."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Protocol

from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)

_SCHEMA = {"type": "object", "properties": {"by": {"type": "string"}, "at": {"type": "integer"}}}


class Client(Protocol):
    """One conversation, as a program keeps it."""

    dialect: str

    def say(self, text: str) -> None:
        """The user says something."""

    def hear(self, answer: bytes) -> int:
        """Keep a whole answer; how many tool calls are in it."""

    def use_tools(self, said_beside: str | None) -> None:
        """Add what came of the tool calls, and words of the program beside it."""

    def forget_the_beginning(self) -> None:
        """Let go of the oldest turns, as programs do whose window is full."""

    def body(self, system: str, names: dict[str, Any], *, stream: bool = False) -> bytes:
        """The next request."""

    def read(self, body: bytes, *, stream: bool) -> Request:
        """As the endpoint does."""


class ChatClient:
    """Speaks `openai-chat`."""

    dialect = "openai-chat"

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def say(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def hear(self, answer: bytes) -> int:
        message = json.loads(answer)["choices"][0]["message"]
        self.messages.append(message)
        return len(message.get("tool_calls") or ())

    def use_tools(self, said_beside: str | None) -> None:
        self.messages += [
            {"role": "tool", "tool_call_id": one["id"], "content": "seen"}
            for one in self.messages[-1]["tool_calls"]
        ]
        if said_beside is not None:
            self.messages.append({"role": "user", "content": said_beside})

    def forget_the_beginning(self) -> None:
        self.messages = _shortened(self.messages, lambda one: one["role"] == "user")

    def body(self, system: str, names: dict[str, Any], *, stream: bool = False) -> bytes:
        tool = {"type": "function", "function": {"name": "look", "parameters": _SCHEMA}}
        messages = [{"role": "system", "content": system}, *self.messages]
        named = {"metadata": {"session_id": names["session"]}} if "session" in names else {}
        return json.dumps({"model": "r", "messages": messages, "tools": [tool], **named}).encode()

    def read(self, body: bytes, *, stream: bool) -> Request:
        return read_chat_request(body)


class AnthropicClient:
    """Speaks `anthropic-messages`, and moves its mark for the cache along."""

    dialect = "anthropic-messages"

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def say(self, text: str) -> None:
        self.messages.append({"role": "user", "content": [{"type": "text", "text": text}]})

    def hear(self, answer: bytes) -> int:
        content = json.loads(answer)["content"]
        self.messages.append({"role": "assistant", "content": content})
        return sum(one["type"] == "tool_use" for one in content)

    def use_tools(self, said_beside: str | None) -> None:
        results: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": one["id"], "content": "seen"}
            for one in self.messages[-1]["content"]
            if one["type"] == "tool_use"
        ]
        if said_beside is not None:
            results.append({"type": "text", "text": said_beside})
        self.messages.append({"role": "user", "content": results})

    def forget_the_beginning(self) -> None:
        self.messages = _shortened(
            self.messages, lambda one: one["role"] == "user" and one["content"][0]["type"] == "text"
        )

    def body(self, system: str, names: dict[str, Any], *, stream: bool = False) -> bytes:
        *before, last = self.messages
        marked = {**last["content"][-1], "cache_control": {"type": "ephemeral"}}
        messages = [*before, {**last, "content": [*last["content"][:-1], marked]}]
        body = {
            "model": "r",
            "max_tokens": 100,
            "system": system,
            "messages": messages,
            "tools": [{"name": "look", "input_schema": _SCHEMA}],
            "stream": stream,
        }
        if "session" in names:
            body["metadata"] = {"user_id": f"user_1_account__session_{names['session']}"}
        return json.dumps(body).encode()

    def read(self, body: bytes, *, stream: bool) -> Request:
        return read_messages_request(body)


class ResponsesClient:
    """Speaks `openai-responses`."""

    dialect = "openai-responses"

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self._calls: list[str] = []

    def say(self, text: str) -> None:
        self.items.append({"role": "user", "content": text})

    def hear(self, answer: bytes) -> int:
        output = json.loads(answer)["output"]
        self.items += output
        self._calls = [one["call_id"] for one in output if one["type"] == "function_call"]
        return len(self._calls)

    def use_tools(self, said_beside: str | None) -> None:
        self.items += [
            {"type": "function_call_output", "call_id": one, "output": "seen"} for one in self._calls
        ]
        if said_beside is not None:
            self.say(said_beside)

    def forget_the_beginning(self) -> None:
        self.items = _shortened(self.items, lambda one: one.get("role") == "user")

    def body(self, system: str, names: dict[str, Any], *, stream: bool = False) -> bytes:
        body = {
            "model": "r",
            "instructions": system,
            "input": self.items,
            "tools": [{"type": "function", "name": "look", "parameters": _SCHEMA}],
            "include": ["reasoning.encrypted_content"],
            "stream": stream,
        }
        if "session" in names:
            body["prompt_cache_key"] = names["session"]
        return json.dumps(body).encode()

    def read(self, body: bytes, *, stream: bool) -> Request:
        return read_responses_request(body)


class GeminiClient:
    """Speaks `gemini`, where tool calls need no names."""

    dialect = "gemini"

    def __init__(self) -> None:
        self.contents: list[dict[str, Any]] = []

    def say(self, text: str) -> None:
        self.contents.append({"role": "user", "parts": [{"text": text}]})

    def hear(self, answer: bytes) -> int:
        content = json.loads(answer)["candidates"][0]["content"]
        self.contents.append(content)
        return sum("functionCall" in one for one in content["parts"])

    def use_tools(self, said_beside: str | None) -> None:
        parts: list[dict[str, Any]] = [
            {"functionResponse": {"name": one["functionCall"]["name"], "response": {"result": "seen"}}}
            for one in self.contents[-1]["parts"]
            if "functionCall" in one
        ]
        if said_beside is not None:
            parts.append({"text": said_beside})
        self.contents.append({"role": "user", "parts": parts})

    def forget_the_beginning(self) -> None:
        self.contents = _shortened(
            self.contents, lambda one: one["role"] == "user" and "text" in one["parts"][0]
        )

    def body(self, system: str, names: dict[str, Any], *, stream: bool = False) -> bytes:
        tool = {"functionDeclarations": [{"name": "look", "parameters": _SCHEMA}]}
        told = {"parts": [{"text": system}]}
        return json.dumps({"systemInstruction": told, "contents": self.contents, "tools": [tool]}).encode()

    def read(self, body: bytes, *, stream: bool) -> Request:
        return read_gemini_request(body, "r", stream=stream)


KINDS: tuple[type[Client], ...] = (ChatClient, AnthropicClient, ResponsesClient, GeminiClient)


def _shortened(messages: list[dict[str, Any]], is_said: Any) -> list[dict[str, Any]]:
    """The messages from the second thing that the user said, if there is one."""
    places = [place for place, one in enumerate(messages) if is_said(one)]
    return messages[places[1] :] if len(places) > 1 else messages


def new_client(draw: Random) -> Client:
    """A client of any kind."""
    return draw.choice(KINDS)()
