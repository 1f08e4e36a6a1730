"""What is said in the request and the answer of a line, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_INSTRUCTIONS = ("system", "developer")


def text_of(message: Mapping[str, Any]) -> str:
    """The words of a message, of its tool calls too; pictures and sounds have none."""
    content = message.get("content")
    texts = [content] if isinstance(content, str) else []
    if isinstance(content, list):
        texts += [
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
    if isinstance(message.get("refusal"), str):
        texts.append(message["refusal"])
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        texts.append(f"{function.get('name', '')} {function.get('arguments', '')}")
    return "\n".join(texts)


def reasoning_of(message: Mapping[str, Any]) -> str:
    """What was thought before the answer."""
    thought = message.get("reasoning_content")
    return thought if isinstance(thought, str) else ""


class Said:
    """What is said in a request."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        messages = [one for one in request.get("messages") or () if isinstance(one, dict)]
        said = [one for one in messages if one.get("role") not in _INSTRUCTIONS]
        last = max((place for place, one in enumerate(said) if one.get("role") == "assistant"), default=-1)
        self.instructions = _joined(one for one in messages if one.get("role") in _INSTRUCTIONS)
        """Of whoever made the application."""
        self.before = _joined(said[: last + 1])
        """Everything up to the last answer."""
        self.question = _joined(said[last + 1 :])
        """What is asked last."""
        self.first = next((text_of(one) for one in said if one.get("role") == "user"), "")
        """What a person said first."""

    @property
    def conversation(self) -> str:
        """All but the instructions."""
        return f"{self.before}\n{self.question}" if self.before else self.question


def _joined(messages: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(map(text_of, messages))
