"""What a judge is shown, between tags that nobody can forge who does not know the mark.

The mark is made from all of the material, so whoever wrote a part of it would have had to know a text that contains its
own hash. It depends on nothing else: the same question to a judge is the same request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.core.errors import BadRequest

_MARK_DIGITS = 16
_APART = "\u200b"
_SPEAKING = re.compile(
    r"<(?=[|\uff5c][^<>\s]{1,60}[|\uff5c]>"
    r"|/?s>|(?:bos|eos|unk|pad)>|(?:start|end)_of_turn>|<SYS>>|</SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
)
"""Where a token begins with which some models' templates give the word to somebody else: servers that read such tokens
in what they are handed would take the rest of an answer for another turn."""


class Section(msgspec.Struct, frozen=True):
    """One piece of the material."""

    name: str
    """`question`, `answer-A` ..."""
    text: str


class Material(msgspec.Struct, frozen=True):
    """What is judged, ready to be shown."""

    mark: str
    text: str


def material(sections: Sequence[Section]) -> Material:
    """The sections between tags with a mark that is in none of them."""
    texts = [_harmless(section.text) for section in sections]
    mark, tried = "", 0
    while not mark or any(mark in text for text in texts):
        hashed = hashlib.sha256(str(tried).encode())
        for text in texts:
            told = text.encode("utf-8", "surrogatepass")
            hashed.update(len(told).to_bytes(8, "big") + told)
        mark, tried = hashed.hexdigest()[:_MARK_DIGITS], tried + 1
    shown = "\n\n".join(
        f"<{section.name}-{mark}>\n{text}\n</{section.name}-{mark}>"
        for section, text in zip(sections, texts, strict=True)
    )
    return Material(mark, shown)


def _harmless(text: str) -> str:
    """The text with a character that nobody sees inside whatever a template could take for a token of its own."""
    return _SPEAKING.sub(lambda found: found[0] + _APART, text)


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    name: str | None = None


class _Request(msgspec.Struct):
    messages: list[_Message]
    tools: list[Any] | None = None
    response_format: Any = None


class Question(msgspec.Struct, frozen=True):
    """What was asked, as a judge sees it."""

    sections: tuple[Section, ...]
    images: tuple[dict[str, Any], ...] = ()
    """Parts of an `openai-chat` message: they are shown behind the text."""


def question_of(case: Case, *, reference: bool) -> Question:
    """The conversation up to the answer, what it had to look like, and with `reference` what is known to be right.

    Raises BadRequest: the case's request is none.
    """
    try:
        request = msgspec.json.decode(case.request, type=_Request)
    except msgspec.DecodeError as error:
        raise BadRequest(f"The request of case `{case.id}` is not understood: {error}.") from None
    images: list[dict[str, Any]] = []
    turns = [_turn(message, images) for message in request.messages]
    # A single question needs no names for who speaks.
    alone = len(turns) == 1 and request.messages[0].role == "user"
    text = turns[0].partition("\n")[2] if alone else "\n\n".join(turns)
    sections = [Section("question", text)]
    for name, value in (("tools", request.tools), ("wanted-form", request.response_format)):
        if value:
            sections.append(Section(name, msgspec.json.format(msgspec.json.encode(value)).decode()))
    target = bytes(case.target)
    if reference and target and target != b"null":
        known = msgspec.json.decode(target)
        text = known if isinstance(known, str) else msgspec.json.format(target).decode()
        sections.append(Section("reference-answer", text))
    return Question(tuple(sections), tuple(images))


def _turn(message: _Message, images: list[dict[str, Any]]) -> str:
    said = [f"{message.role}:"]
    if isinstance(message.content, str):
        said.append(message.content)
    for part in message.content if isinstance(message.content, list) else []:
        if isinstance(part.get("text"), str):
            said.append(part["text"])
        elif part.get("type") == "image_url":
            images.append(part)
            said.append(f"(image {len(images)})")
        else:
            said.append(f"({part.get('type', 'something')} that is not shown)")
    said += [f"(calls a tool) {msgspec.json.encode(call).decode()}" for call in message.tool_calls or ()]
    return "\n".join(said)


def said_in(answer: Answer) -> str:
    """All that an answer says to its reader."""
    said = [answer.text] if answer.text else []
    if answer.refusal:
        said.append(f"(declines) {answer.refusal}")
    said += [f"(calls a tool) {call.name} {call.arguments}" for call in answer.tool_calls]
    return "\n".join(said) if said else "(says nothing)"
