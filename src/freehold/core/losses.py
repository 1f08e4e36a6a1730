"""Losses: what a translation could not carry over. Every one is declared; none is silent."""

from __future__ import annotations

import re
from collections.abc import Iterable

LOSSES: dict[str, str] = {
    "answer": "something of the answer that the client's dialect has no place for, named after the dot",
    "audio": "sound in a message",
    "cache": "where the client asked for the prompt to be cached",
    "citations": "where a text is from, in the answer or in the conversation so far",
    "conversation": "earlier turns of the conversation that are not kept any more",
    "document": "a document in a message",
    "embeddings.purpose": "what the vectors are for",
    "embeddings.title": "the title of a text to be embedded",
    "field": "a field that only the client's dialect has, named after the dot",
    "file": "a file that another provider keeps",
    "frequency_penalty": "the penalty for repeating words",
    "image": "a picture in a message",
    "image.detail": "how closely to look at a picture",
    "logit_bias": "the bias for single tokens",
    "logprobs": "log-probabilities",
    "max_tokens": "the bound on the answer's length",
    "message.blank": "white space alone, or a turn without content, where the provider refuses it",
    "message.name": "the name of a message's author",
    "metadata": "the client's own labels",
    "min_p": "sampling by a least probability",
    "modalities": "answers in sound or pictures",
    "n": "more than one answer",
    "parallel_tool_calls": "at most one tool call at a time",
    "part": "a part that only the client's dialect has, named after the dot",
    "prediction": "the predicted answer",
    "presence_penalty": "the penalty for words that were there",
    "reasoning": "reasoning of earlier turns",
    "reasoning.budget": "the bound on reasoning, put as an effort instead or not at all",
    "reasoning.effort": "how much to think, put as the nearest effort there is, or not at all",
    "reasoning.shown": "whether reasoning is shown, or summarised",
    "reasoning.state": "signed or encrypted reasoning that only its maker can read",
    "response_format": "the form of the answer, asked for in words instead",
    "safety_settings": "thresholds of the provider's filters",
    "schema": "a part of a JSON Schema that the provider does not know",
    "seam": "that one model wrote all of the answer: another went on where the first broke off",
    "seed": "the seed",
    "service_tier": "the service tier",
    "stop": "stop sequences",
    "stop.reason": "the exact reason why the model stopped, told as the nearest one there is",
    "store": "that the provider keeps the answer",
    "strict": "that tool calls follow their schema strictly",
    "system.position": "where a system message stood in the conversation",
    "temperature": "the temperature, or its upper range",
    "tool": "a tool that a provider runs itself, named after the dot",
    "tool.custom": "a tool that takes free text, put as a function instead",
    "tool_choice": "which tools must be called",
    "tool_result.failed": "that running a tool failed",
    "tool_result.media": "pictures or files in a tool's result",
    "top_k": "sampling from the k likeliest",
    "top_p": "nucleus sampling",
    "usage": "a detail of the usage, named after the dot",
    "usage.estimated": "the provider's own count of tokens: it is an estimate",
    "user": "the client's name for its own user",
    "verbosity": "how wordy the answer is to be",
    "video": "a film in a message",
}
"""Every loss, and what is lost. A name may go on after a dot where its text says so."""


def meaning_of(name: str) -> str:
    """What a loss is, in words; a name that goes on after a dot has the meaning of its beginning."""
    return LOSSES.get(name) or LOSSES.get(name.partition(".")[0], "")


_OPEN = ("answer", "field", "part", "tool", "usage", "schema")
"""Names that go on with a word of the wire."""
_MOST = 32
"""Names of one call; a request may have hundreds of unknown fields."""
_PLAIN = re.compile(r"[^A-Za-z0-9_.-]+")


class Losses:
    """The losses of one call, each once, in the order in which they were found."""

    __slots__ = ("_names", "incomplete", "suspected")

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self.incomplete = False
        """There were more than are named."""
        self.suspected: dict[str, None] = {}
        """What the provider could not be asked for and may do all the same: the answer will tell."""

    def suspect(self, name: str) -> None:
        """`name` is one of LOSSES. It is declared once the answer shows that it was lost."""
        LOSSES[name]
        self.suspected[name] = None

    @property
    def possible(self) -> tuple[str, ...]:
        """What was or may be lost: for those who would rather have an error."""
        return (*self.names, *(name for name in self.suspected if name not in self._names))

    def add(self, name: str, detail: str | None = None) -> None:
        """`name` is one of LOSSES; `detail` is a word of the wire. Raises KeyError for a name that is not listed."""
        LOSSES[name]
        if detail is not None:
            if name not in _OPEN:
                raise KeyError(f"{name} takes no detail")
            name = f"{name}.{_PLAIN.sub('_', detail[:64])}"
        if len(self._names) < _MOST:
            self._names[name] = None
        elif name not in self._names:
            self.incomplete = True

    def add_all(self, names: Iterable[str]) -> None:
        """Losses with their details, as `names` gives them. Raises KeyError as `add` does."""
        for name in names:
            if name in LOSSES:
                self.add(name)
            else:
                self.add(*name.split(".", 1))

    @property
    def names(self) -> tuple[str, ...]:
        """What was lost."""
        return (*self._names, "more") if self.incomplete else tuple(self._names)

    def __bool__(self) -> bool:
        return bool(self._names)
