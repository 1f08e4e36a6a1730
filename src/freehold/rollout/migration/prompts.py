"""The prompts of a sample that have to be ported: instructions, and answers that are begun for the model."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from freehold.core.errors import FreeholdError
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest
from freehold.ledger.record import Call
from freehold.rollout.carrying.carried import request_of
from freehold.rollout.migration.makers import Maker
from freehold.rollout.migration.porting import Finding, difference, port, with_beginning
from freehold.rollout.migration.report import PromptPart
from freehold.wire.dialect import DialectName

MOST = 10
"""Prompts that are shown; those of the most calls."""
_SHOWN = 2_000
"""Characters of a prompt."""
_GO_ON: tuple[DialectName, ...] = ("anthropic-messages",)
"""Dialects whose models go on from an answer that was begun for them."""
_ANYWHERE: tuple[DialectName, ...] = ("openai-chat", "openai-responses")
"""Dialects in which instructions may stand anywhere in the conversation."""
_INSTRUCTIONS = ("system", "developer")
_BEGINNING = Finding(
    rule="beginning",
    why="The answer is begun for the model, which the target takes for an answer of its own.",
)
_PLACEMENT = Finding(
    rule="placement",
    why="Instructions stand further on in the conversation; the target gets all of them at its beginning. Say there "
    "when each is meant, or say it in a message of the user.",
)


class Prompt(msgspec.Struct, frozen=True):
    """What an application tells the model, apart from what a user asks."""

    text: str
    beginning: str = ""
    """Of the answer, where it is begun for the model."""
    scattered: bool = False
    """Instructions stand further on in the conversation, too."""


class Ported(msgspec.Struct, frozen=True):
    """A prompt, the proposed port of it, and whose calls have it."""

    prompt: Prompt
    text: str
    findings: list[Finding]
    calls: list[str]

    def shown(self) -> PromptPart:
        """As the report has it."""
        before = self.prompt.text
        return PromptPart(
            digest=hashlib.sha256(f"{before}\0{self.prompt.beginning}".encode(errors="replace")).hexdigest()[
                :12
            ],
            calls=len(self.calls),
            text=before if len(before) <= _SHOWN else f"{before[:_SHOWN]} …",
            findings=self.findings,
            port=self.text,
            diff=difference(before, self.text),
        )


class Prompts:
    """The prompts of a sample, each once, and whose calls have it."""

    def __init__(self) -> None:
        self._calls: defaultdict[tuple[Prompt, DialectName], list[str]] = defaultdict(list)

    def look(self, call: Call, speech: DialectName) -> None:
        """At one of them, which the target would get in the dialect `speech`."""
        prompt = prompt_of(call)
        if prompt is not None:
            self._calls[prompt, speech].append(call.id)

    def ported(self, *, maker: Maker | None, leaves: Maker | None) -> list[Ported]:
        """Those in which something has to be said otherwise to a model of `maker`, those of the most calls first."""
        found = []
        for (prompt, speech), calls in self._calls.items():
            text, findings = port(prompt.text, maker, leaves)
            if prompt.beginning and speech not in _GO_ON:
                text = with_beginning(text, prompt.beginning)
                findings.append(_BEGINNING)
            if prompt.scattered and speech not in _ANYWHERE:
                findings.append(_PLACEMENT)
            if findings:
                found.append(Ported(prompt, text, findings, calls))
        return sorted(found, key=lambda one: (-len(one.calls), one.prompt.text))


def prompt_of(call: Call) -> Prompt | None:
    """Of a call on record; None: it has none, or cannot be read."""
    request = request_of(call)
    if request is None:
        return None
    try:
        decoded = request.decoded()
    except FreeholdError:
        return None
    first, later = _instructions(decoded)
    beginning = _beginning(decoded)
    if not (first or later or beginning):
        return None
    return Prompt("\n\n".join(first), beginning, scattered=bool(later))


def _instructions(decoded: ChatRequest) -> tuple[list[str], list[str]]:
    """Those at the beginning, and those behind what was said first."""
    first: list[str] = []
    later: list[str] = []
    into = first
    for message in decoded.messages:
        if message.role in _INSTRUCTIONS:
            into += _texts(message)
        else:
            into = later
    return first, later


def _beginning(decoded: ChatRequest) -> str:
    last = decoded.messages[-1] if decoded.messages else None
    if last is None or last.role != "assistant" or any(not isinstance(one, Text) for one in last.parts):
        return ""
    return "".join(_texts(last))


def _texts(message: Message) -> Iterator[str]:
    return (part.text for part in message.parts if isinstance(part, Text) and part.text)
