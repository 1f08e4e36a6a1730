"""Answers as messages of an assistant, in the form of `openai-chat`."""

from __future__ import annotations

from typing import Any

from freehold.compare.answer import Answer as KeptAnswer
from freehold.compare.suites.asked import Unfit
from freehold.core.answer import Answer
from freehold.core.parts import Reasoning, Refusal, Text, ToolCall

Json = dict[str, Any]

_WHOLE = ("stop", "stop_sequence", "tool_calls", "refusal", "other")
"""Why a model stops whose answer is all that it wanted to say."""


def said_by(text: str, *, reasoning: str = "", tool_calls: list[Json] | None = None) -> Json:
    """The message of an assistant who says this."""
    message: Json = {"role": "assistant", "content": text or (None if tool_calls else "")}
    if reasoning:
        message["reasoning_content"] = reasoning
    if tool_calls:
        message["tool_calls"] = tool_calls
    return message


def answered(answer: Answer | None) -> Json:
    """The message of a call's answer. Raises Unfit: it is not all there, or not of words and calls of functions."""
    if answer is None or not answer.choices:
        raise Unfit("have an answer that is no longer kept, or cannot be read")
    choice = answer.choices[0]
    if choice.stop is not None and choice.stop.reason not in _WHOLE:
        raise Unfit("have an answer that was cut off or filtered")
    texts, thoughts, calls = [], [], []
    for part in choice.parts:
        match part:
            case Text() | Refusal():
                texts.append(part.text)
            case Reasoning():
                thoughts.append(part.text)
            case ToolCall(custom=False):
                calls.append(called(part.id, part.name, part.arguments))
            case _:
                raise Unfit("have an answer that is not of words and calls of functions")
    text = "".join(texts).strip()
    if not text and not calls:
        raise Unfit("have an empty answer")
    return said_by(text, reasoning="".join(thoughts).strip(), tool_calls=calls)


def kept(answer: KeptAnswer) -> Json:
    """The message of an answer that a comparison keeps."""
    calls = [
        called(f"call_{number}", one.name, one.arguments) for number, one in enumerate(answer.tool_calls, 1)
    ]
    text = answer.text or answer.refusal or ""
    return said_by(text.strip(), reasoning=answer.reasoning.strip(), tool_calls=calls)


def called(call_id: str, name: str, arguments: str) -> Json:
    """A call of a function."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments or "{}"}}
