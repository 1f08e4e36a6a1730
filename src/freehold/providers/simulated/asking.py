"""What a request asks for, whatever its dialect, and its description: one for each meaning."""

from __future__ import annotations

import base64
import binascii
import json
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Struct

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.schemas import plain
from freehold.providers.simulated.words import count_tokens

_MESSAGE_OVERHEAD = 3
"""Tokens that each message costs beside its text, as with OpenAI's own counting."""


class Said(Struct, frozen=True):
    """Words."""

    text: str


class Shown(Struct, frozen=True):
    """A picture, a sound, a film or a document."""

    kind: str
    data: str | None = None
    """Base64."""
    reference: str | None = None
    """A URL or the name of a file, when there is no data."""
    text: str | None = None
    """Of a document that is plain text."""


class Called(Struct, frozen=True):
    """The model called a tool."""

    id: str
    name: str
    arguments: Any
    """Text as it was written, or an object."""


class Returned(Struct, frozen=True):
    """What the tool gave."""

    id: str
    content: Any
    """A list of Said and Shown, or an object."""
    failed: bool = False


class Thought(Struct, frozen=True):
    """What the model thought. `state`: with state that was made here and is where it was."""

    text: str = ""
    state: bool = False


class Told(Struct):
    """One message."""

    role: Literal["system", "user", "assistant"]
    parts: list[Said | Shown | Called | Returned | Thought] = []

    def text(self) -> str:
        """Its words alone."""
        return "".join(one.text for one in self.parts if isinstance(one, Said))


class Offered(Struct, frozen=True):
    """A tool that the model may call."""

    name: str
    description: str = ""
    schema: Any = None


class Ask(Struct):
    """What a request asks for."""

    model: str
    account: Account
    stream: bool = False
    include_usage: bool = True
    turns: list[Told] = []
    tools: list[Offered] = []
    hosted: list[str] = []
    """Kinds of tools that the provider is to run itself."""
    choice: Literal["auto", "none", "required"] = "auto"
    allowed: list[str] = []
    """Tools that the choice is limited to."""
    parallel: bool = True
    schema: Any = None
    """The answer is to be JSON of this schema."""
    json: bool = False
    """The answer is to be JSON."""
    limit: int | None = None
    """Most tokens the answer may have."""
    stop: list[str] = []
    n: int = 1
    logprobs: int | None = None
    """So many alternatives for each token; None: no probabilities are wanted."""
    sampling: dict[str, object] = {}
    """By OpenAI's names; without those that have a field of their own."""
    effort: str | None = None
    """Of reasoning; `none` switches it off."""
    budget: int | None = None
    shows_thoughts: bool = True
    keeps_state: bool = True
    """The client wants the state of reasoning with the answer."""
    cache_marks: int = 0
    call_prefix: str = "call_"
    raw: dict[str, Any] = {}
    """The body, for dialects that repeat it in the answer."""
    framed: bool = False
    """Its stream is of frames with lengths: nothing can be put into them later."""

    def said(self) -> str:
        """The text of the last user message."""
        texts = (one.text() for one in reversed(self.turns) if one.role == "user")
        return next((text for text in texts if text), "")

    def input_tokens(self) -> int:
        """Tokens of everything said, and of each message."""
        return sum(sum(map(_tokens, one.parts)) + _MESSAGE_OVERHEAD for one in self.turns)

    def calls(self) -> dict[str, Called]:
        """Every tool call, by id."""
        return {one.id: one for told in self.turns for one in told.parts if isinstance(one, Called)}


def merged(turns: list[Told]) -> list[Told]:
    """Neighbours of one role as one turn."""
    joined: list[Told] = []
    for one in turns:
        if joined and joined[-1].role == one.role:
            joined[-1].parts.extend(one.parts)
        else:
            joined.append(Told(one.role, list(one.parts)))
    return joined


def arguments_of(text: Any) -> Any:
    """The arguments of a call as they are compared: parsed, or marked as invalid."""
    if isinstance(text, dict):
        return {"invalid": text["INVALID_JSON"]} if set(text) == {"INVALID_JSON"} else text
    try:
        value = json.loads(text) if str(text).strip() else {}
    except ValueError:
        return {"invalid": text}
    return value if isinstance(value, dict) else {"invalid": text}


def _tokens(part: object) -> int:
    match part:
        case Said(text=text) | Thought(text=text):
            return count_tokens(text)
        case Called(arguments=arguments):
            return count_tokens(arguments if isinstance(arguments, str) else json.dumps(arguments)) or 1
        case Returned(content=content):
            return (
                sum(map(_tokens, content)) if isinstance(content, list) else count_tokens(json.dumps(content))
            )
        case _:
            return 0


def described(ask: Ask) -> str:
    """The description as text."""
    text = json.dumps(description(ask), ensure_ascii=False, sort_keys=True)
    return text.encode("utf-8", "replace").decode()


def description(ask: Ask) -> dict[str, Any]:
    """What was understood. Keys whose value would be empty or the default are left out."""
    turns = merged(ask.turns)
    system = ""
    if turns and turns[0].role == "system":
        system = "\n\n".join(one.text for one in turns[0].parts if isinstance(one, Said))
        turns = turns[1:]
    numbers = {identifier: number for number, identifier in enumerate(ask.calls(), 1)}
    parts = [(told, _described_parts(told, numbers)) for told in turns]
    sampling = {**ask.sampling, "max_tokens": ask.limit, "stop": ask.stop, "logprobs": ask.logprobs}
    found = {
        "system": system,
        "turns": [{"role": told.role, "parts": found} for told, found in parts if found],
        "tools": [
            {"name": tool.name, "description": tool.description, "schema": plain(tool.schema)}
            for tool in ask.tools
        ],
        "hosted_tools": sorted(ask.hosted),
        "tool_choice": "" if ask.choice == "auto" else ask.choice,
        "allowed_tools": sorted(ask.allowed),
        "parallel_tool_calls": None if ask.parallel else False,
        "schema": plain(ask.schema) if ask.schema is not None else None,
        "json": True if ask.json and ask.schema is None else None,
        "sampling": {key: value for key, value in sampling.items() if value not in (None, [])},
        "n": ask.n if ask.n > 1 else None,
        "reasoning": {
            key: value for key, value in (("effort", ask.effort), ("budget", ask.budget)) if value is not None
        },
        "reasoning_states": sum(
            isinstance(one, Thought) and one.state for told in turns for one in told.parts
        ),
        "cache_marks": ask.cache_marks,
    }
    return {key: value for key, value in found.items() if value is False or value}


def _described_parts(told: Told, numbers: dict[str, int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in told.parts:
        match part:
            case Said(text=text):
                if found and "text" in found[-1]:
                    found[-1]["text"] += text
                elif text:
                    found.append({"text": text})
            case Thought(text=text):
                if text:
                    found.append({"reasoning": text})
            case Called(id=identifier, name=name, arguments=arguments):
                call = {"call": numbers[identifier], "name": name, "arguments": arguments_of(arguments)}
                found.append(call)
            case Returned():
                found.append({"result": numbers.get(part.id), **_described_result(part)})
            case Shown():
                found.append(_described_media(part))
    return found


def _described_result(part: Returned) -> dict[str, Any]:
    """Words, or the object that they are; `{"output": …}` and `{"result": …}` stand for what is in them."""
    failed, value, media = part.failed, part.content, []
    if isinstance(value, list):
        media = [_described_media(one) for one in value if isinstance(one, Shown)]
        value = "".join(one.text for one in value if isinstance(one, Said))
    value = _object_in(value)
    for _ in range(2):
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("output", "result", "error"):
            failed = failed or "error" in value
            value = _object_in(next(iter(value.values())))
    found: dict[str, Any] = {"content": value}
    if media:
        found["media"] = media
    if failed:
        found["failed"] = True
    return found


def _object_in(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _described_media(part: Shown) -> dict[str, Any]:
    if part.text is not None:
        return {"media": part.kind, "sha256": sha256(part.text.encode("utf-8", "replace")).hexdigest()}
    if part.data is None:
        return {"media": part.kind, "reference": part.reference}
    try:
        data = base64.b64decode(part.data)
    except (ValueError, binascii.Error):
        data = b""
    return {"media": part.kind, "sha256": sha256(data).hexdigest()}


def canonical(value: Any) -> str:
    """The arguments of a call in one form for one meaning."""
    return msgspec.json.encode(arguments_of(value), order="sorted").decode()
