"""Answers that have to follow instructions: `instructions`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.instructions import layout, wording
from freehold.compare.scorers.instructions.wording import Instruction
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scoring import Scored

_KNOWN: tuple[type[Instruction], ...] = (
    wording.Existence,
    wording.Frequency,
    wording.ForbiddenWords,
    wording.LetterFrequency,
    wording.ResponseLanguage,
    wording.NumberSentences,
    wording.NumberWords,
    wording.CapitalWordFrequency,
    wording.EnglishCapital,
    wording.EnglishLowercase,
    wording.NoComma,
    layout.Placeholders,
    layout.Postscript,
    layout.BulletLists,
    layout.ConstrainedResponse,
    layout.HighlightedSections,
    layout.MultipleSections,
    layout.JsonFormat,
    layout.Title,
    layout.TwoResponses,
    layout.RepeatPrompt,
    layout.EndChecker,
    layout.Quotation,
    layout.Paragraphs,
    layout.ParagraphFirstWord,
)
_BY_ID = {str(one.__struct_config__.tag): one for one in _KNOWN}


class InstructionsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `instructions` is set."""

    credit: Literal["all", "share"] = "all"
    """`all`: 1 if every instruction is followed, else 0; `share`: the share of them that is."""
    loose: bool = False
    """An instruction is followed, too, if it is without the first line, the last, both, or without asterisks: greetings
    and emphasis do not count."""


class IfevalRow(msgspec.Struct, frozen=True):
    """A target as IFEval's own rows have it."""

    instruction_id_list: list[str]
    kwargs: list[dict[str, Any]]


Target = list[dict[str, Any]] | IfevalRow
"""Instructions: `{"id": "length_constraints:number_words", "num_words": 100, "relation": "at least"}`."""


def ids() -> tuple[str, ...]:
    """All instructions that there are."""
    return tuple(_BY_ID)


def instruction_of(id: str) -> type[Instruction]:
    """The instruction of an id. Raises KeyError."""
    return _BY_ID[id]


def _instructions(settings: InstructionsSettings) -> Look[Target]:
    def look(target: Target, answer: Answer) -> Scored:
        wanted = [_read(one) for one in _told(target)]
        if not wanted:
            raise Unfit("there is no instruction.")
        texts = _loosely(answer.text) if settings.loose else [answer.text]
        missed = [one for one in wanted if not any(text.strip() and one.holds(text) for text in texts)]
        if not missed:
            return _RIGHT
        value = 0.0 if settings.credit == "all" else 1 - len(missed) / len(wanted)
        return Scored(value, "not followed: " + ", ".join(f"`{_id(one)}`" for one in missed))

    return look


_RIGHT = Scored(1.0)


def _told(target: Target) -> list[dict[str, Any]]:
    if isinstance(target, list):
        return target
    if len(target.instruction_id_list) != len(target.kwargs):
        raise Unfit("`kwargs` must have an object for each instruction.")
    # In some copies of the data every object has all arguments, most of them null.
    return [
        {"id": name, **{key: value for key, value in more.items() if value is not None}}
        for name, more in zip(target.instruction_id_list, target.kwargs, strict=True)
    ]


def _read(told: dict[str, Any]) -> Instruction:
    kind = _BY_ID.get(str(told.get("id")))
    if kind is None:
        raise Unfit(f"there is no instruction `{told.get('id')}`.")
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError as error:
        raise Unfit(f"`{told['id']}`: {error}.") from None


def _id(one: Instruction) -> str:
    return str(one.__struct_config__.tag)


def _loosely(text: str) -> list[str]:
    lines = text.split("\n")
    cut = [text, "\n".join(lines[1:]), "\n".join(lines[:-1]), "\n".join(lines[1:-1])]
    cut = [one.strip() for one in cut]
    return [text, *cut, *(one.replace("*", "") for one in cut)]


INSTRUCTIONS = Kind(
    name="instructions", version=1, settings=InstructionsSettings, target=Target, make=_instructions
)
