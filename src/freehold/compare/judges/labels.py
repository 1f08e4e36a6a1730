"""Labels: what people say of answers. A file has one JSON object a line, all about answers or all about pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.judges.settings import PAIRWISE, RUBRIC, JudgeKind
from freehold.core.errors import BadRequest

_Model = Annotated[str, Meta(min_length=1)]
_Share = Annotated[float, Meta(ge=0, le=1)]


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What both kinds of lines have in common."""

    question: str | UnsetType = UNSET
    """What was asked, where it was one message of a user."""
    request: msgspec.Raw | UnsetType = UNSET
    """Else the body of an `openai-chat` request. Neither: what the suite's case asks."""
    target: msgspec.Raw = msgspec.Raw()
    case: str | None = None
    """The case's id in its suite. None: the line is a case of its own."""
    group: str | None = None


class _AnswerLine(_Line, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: _Model
    answer: str
    label: bool | _Share
    """True or 1: good, false or 0: bad; between, where people graded."""


class _PairLine(_Line, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model_a: _Model
    answer_a: str
    model_b: _Model
    answer_b: str
    better: Literal["a", "b", "tie"]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One line: an answer or two, and what people say."""

    case: Case
    answers: tuple[Answer, ...]
    """One, or two whose second is the one that `people` speak for."""
    people: float
    """Of one answer 0, bad, to 1, good; of two 1 where the second is better, -1 where the first is, 0 for a tie."""

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about: no other line of its file has the same."""
        return (self.case.id, *(answer.model for answer in self.answers))


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """A file of labels."""

    kind: JudgeKind
    """The kind of judge that can be checked with them."""
    labels: tuple[Label, ...]
    hash: str
    """Of all of them, 64 hexadecimal digits."""

    @property
    def models(self) -> tuple[str, ...]:
        """Whose answers were labelled, by name."""
        return tuple(sorted({answer.model for label in self.labels for answer in label.answers}))

    @property
    def cases(self) -> tuple[str, ...]:
        """The ids of what was labelled, each once."""
        return tuple(dict.fromkeys(label.case.id for label in self.labels))

    def asked_as_in(self, cases: Mapping[str, Case]) -> Labels:
        """The same, and what a line leaves out taken from the suite's `cases`. Raises BadRequest: none has that id."""

        def whole(label: Label) -> Label:
            if bytes(label.case.request):
                return label
            if label.case.id not in cases:
                raise BadRequest(
                    f"What was asked in case `{label.case.id}` is not known.",
                    hint="Write it as `question` or `request`, or name the suite: `--suite`, `--sample-of`.",
                )
            return msgspec.structs.replace(label, case=cases[label.case.id])

        return msgspec.structs.replace(self, labels=tuple(map(whole, self.labels)))


_WORTH = {"a": -1.0, "tie": 0.0, "b": 1.0}
_FORMS: dict[JudgeKind, type[_AnswerLine | _PairLine]] = {
    "rubric-judge": _AnswerLine,
    "pairwise-judge": _PairLine,
}


def read_labels(content: bytes, name: str) -> Labels:
    """The labels in a file's `content`. Raises BadRequest, which names the line and what is wrong with it."""
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadRequest(f"`{name}` has no labels.", hint="docs/judges.md shows what a line looks like.")
    kind: JudgeKind = RUBRIC
    if b'"better"' in lines[0][1] or b'"answer_a"' in lines[0][1]:
        kind = PAIRWISE
    hashed = hashlib.sha256()
    found: dict[tuple[str, ...], Label] = {}
    for number, line in lines:
        label = _read(line, kind, f"{name}:{number}", number)
        if label.key in found:
            models = " and ".join(f"`{answer.model}`" for answer in label.answers)
            raise BadRequest(
                f"`{name}:{number}`: case `{label.case.id}` of {models} is labelled twice.",
                hint="Where several people labelled it, write the mean of their labels.",
            )
        found[label.key] = label
        hashed.update(line.strip() + b"\n")
    return Labels(kind=kind, labels=tuple(found.values()), hash=hashed.hexdigest())


def _read(line: bytes, kind: JudgeKind, where: str, number: int) -> Label:
    try:
        read = msgspec.json.decode(line, type=_FORMS[kind])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _is_unlabelled(line):
            raise BadRequest(
                f"`{where}`: it is not labelled yet.", hint="Write what people say for `null`."
            ) from None
        raise BadRequest(f"`{where}`: {error}.", hint=_hint(_FORMS[kind])) from None
    case = Case(
        id=f"line {number}" if read.case is None else read.case,
        request=_request(read, where),
        target=read.target,
        group=read.group,
    )
    if isinstance(read, _AnswerLine):
        return Label(case=case, answers=(_answer(read.model, read.answer),), people=float(read.label))
    if read.model_a == read.model_b:
        raise BadRequest(f"`{where}`: both answers are of `{read.model_a}`, and a pair is of two models.")
    answers = (_answer(read.model_a, read.answer_a), _answer(read.model_b, read.answer_b))
    return Label(case=case, answers=answers, people=_WORTH[read.better])


def _request(read: _Line, where: str) -> msgspec.Raw:
    if isinstance(read.question, str):
        if read.request is not UNSET:
            raise BadRequest(f"`{where}`: there is a `question` and a `request`; one of them is too much.")
        asked = {"messages": [{"role": "user", "content": read.question}]}
        return msgspec.Raw(msgspec.json.encode(asked))
    if isinstance(read.request, UnsetType):
        if read.case is None:
            raise BadRequest(f"`{where}`: there is no `question`, no `request`, and no `case` of a suite.")
        return msgspec.Raw()
    return read.request


def _answer(model: str, text: str) -> Answer:
    return Answer(id="", model=model, text=text)


def _is_unlabelled(line: bytes) -> bool:
    try:
        read = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bytes(read.get("label") or read.get("better") or b"") == b"null"


def _hint(form: type[_Line]) -> str:
    return (
        f"A line has {', '.join(f'`{name}`' for name in form.__struct_fields__)}; docs/judges.md shows one."
    )
