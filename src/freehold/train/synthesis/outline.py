"""What a user writes about data that is to be made: seeds, how to ask, how to check. It is a TOML file."""

from __future__ import annotations

import hashlib
import string
import tomllib
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from freehold.compare.case import ScorerSettings
from freehold.compare.suites.scorer_text import read_scorer
from freehold.core.errors import BadRequest
from freehold.core.suggest import one_of
from freehold.train.synthesis.reckoning import names_in

Texts = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
Heat = Annotated[float, Meta(ge=0, le=2)]
Tokens = Annotated[int, Meta(ge=1, le=131_072)]
Stops = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(max_length=4)]
Bounds = Annotated[tuple[int, ...], Meta(min_length=2, max_length=2)]

AXES = ("topic", "difficulty", "persona", "format")
"""What a seed consists of, and the places for it in prompts: `{topic}`."""


class Seeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The grid: each combination is a cell, and all cells are asked about equally often."""

    topics: Texts
    difficulties: Texts = ("",)
    personas: Texts = ("",)
    formats: Texts = ("",)


class QuestionWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where questions come from: the teacher writes them (`prompt`), or they are filled in (`template`)."""

    prompt: str | None = None
    """Asks the teacher for one question. It may name `{topic}`, `{difficulty}`, `{persona}`, `{format}`."""
    system: str = ""
    """Instructions for the teacher as it writes questions."""
    expects: Literal["number", "text", "python-tests"] | None = None
    """The teacher writes, with the question, what a right answer is: a number, a text, or tests in Python."""
    template: str | None = None
    """The question itself, with places for the seed and for `numbers`."""
    numbers: dict[str, Bounds] = {}
    """Whole numbers that are drawn for each question: from the first to the second."""
    target: str | None = None
    """What a right answer is, reckoned from `numbers`: `a * b + c`."""
    temperature: Heat = 1.0
    max_tokens: Tokens = 200
    stop: Stops = ()
    """Where the teacher is to stop, which is not part of the question."""


class AnswerWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the teacher answers."""

    system: str = ""
    """Instructions that are part of each row: the student will have them, too."""
    guidance: str = ""
    """Instructions for the teacher alone, which no row holds."""
    temperature: Heat = 0.7
    max_tokens: Tokens = 400
    stop: Stops = ()
    """Where the teacher is to stop, which is not part of the answer."""
    samples: Annotated[int, Meta(ge=1, le=64)] = 1
    """How often each question is answered at the most: the first answer that passes is taken."""


class CheckWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an answer has to pass. Without anything here, all rows are `unchecked`."""

    scorers: tuple[str, ...] = ()
    """As in a suite: `numeric`, `json-schema:schema={…}`, `python-tests`, `rubric-judge:model=…`. All have to pass."""
    at_least: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """The score that each scorer has to give."""
    agreement: Annotated[float, Meta(gt=0, le=1)] | None = None
    """The share of all samples that have to say the same."""
    by: Literal["number", "text", "json"] = "number"
    """What has to be the same: the last number, the words, the JSON value."""


class Outline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of it."""

    seeds: Seeds
    question: QuestionWish
    answer: AnswerWish = AnswerWish()
    check: CheckWish = CheckWish()
    teacher: str | None = None
    """`provider/name`, or a route."""
    rows: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    """How many rows are wanted."""

    @property
    def scorers(self) -> tuple[ScorerSettings, ...]:
        """The scorers of the check. Raises BadRequest: one cannot be read."""
        return tuple(read_scorer(one) for one in self.check.scorers)


def read_outline(text: str) -> Outline:
    """The outline in a file's text. Raises BadRequest, which says what is wrong with it."""
    try:
        outline = msgspec.convert(tomllib.loads(text), Outline)
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"The outline is no TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise BadRequest(f"The outline is not understood: {error}.", hint="See docs/synthesis.md.") from None
    for fault in _faults(outline):
        raise BadRequest(f"The outline makes no sense: {fault}", hint="See docs/synthesis.md.")
    return outline


def with_rows(text: str, rows: int | None) -> Outline:
    """The outline in a file's text, with another number of rows where one is told. Raises BadRequest."""
    outline = read_outline(text)
    return outline if rows is None else msgspec.structs.replace(outline, rows=rows)


def identity_of(outline: Outline, teacher: str, seed: int) -> str:
    """12 hexadecimal digits by which what was asked already is found again. How many rows are wanted does not count."""
    told = msgspec.structs.replace(outline, rows=1, teacher=teacher)
    raw = msgspec.json.encode((told, seed), order="deterministic")
    return hashlib.sha256(raw).hexdigest()[:12]


def places_in(text: str) -> set[str]:
    """The names in braces. Raises ValueError: it is no text with places."""
    found = set()
    for _, name, form, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(f"`{{{name}}}` is no place; a brace is written twice: `{{{{`")
        found.add(name)
    return found


def _faults(outline: Outline) -> Iterator[str]:
    question, check = outline.question, outline.check
    if (question.prompt is None) == (question.template is None):
        yield "`[question]` has either a `prompt` or a `template`."
        return
    if question.template is None and (question.numbers or question.target is not None):
        yield "`numbers` and `target` belong to a `template`; a `prompt` has `expects`."
    if question.template is not None and (question.expects is not None or question.system):
        yield "`expects` and `system` belong to a `prompt`: nobody is asked for a `template`."
    known = (*AXES, *(question.numbers if question.template is not None else ()))
    for name, text in (
        ("prompt", question.prompt),
        ("template", question.template),
        ("system", question.system),
    ):
        yield from _strangers(f"question.{name}", text or "", known)
    for name, bounds in question.numbers.items():
        if not name.isidentifier() or name in AXES:
            yield f"`{name}` cannot be the name of a number."
        if bounds[0] > bounds[1]:
            yield f"the numbers of `{name}` begin above their end."
    if question.target is not None:
        strange = names_in(question.target) - set(question.numbers)
        if strange:
            yield f"`target` has {one_of(sorted(strange))}, and `numbers` does not."
    if check.agreement is not None and outline.answer.samples < 2:
        yield "`agreement` needs at least two `samples` in `[answer]`."
    outline.scorers  # noqa: B018 - raises BadRequest


def _strangers(where: str, text: str, known: tuple[str, ...]) -> Iterator[str]:
    try:
        strange = places_in(text) - set(known)
    except ValueError as error:
        yield f"`{where}`: {error}."
        return
    if strange:
        yield f"`{where}` has a place {one_of(sorted(strange))}; there are {one_of(known)}."
