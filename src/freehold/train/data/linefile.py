"""The lines of a file of questions and answers: looked through first, so that nothing is kept of one with a mistake.

A line says what is asked by `messages` (a conversation whose last message is the answer), or by `input` or `request`
with an `answer`; or it is a document, `text`, that answers nothing. It may say who wrote it (`maker`), what it belongs
to (`group`), a worse answer (`rejected`), what a right answer is (`target`), the thoughts before the answer
(`reasoning`), `id` and `class`.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from freehold.compare.case import Case, ScorerSettings
from freehold.compare.suites.casefile import AS_THEY_ARE, Columns, rows_of
from freehold.compare.suites.checking import Checks
from freehold.compare.suites.problems import Enough, LineProblem, Problems, kind_of, shown
from freehold.compare.suites.reading import CASE_FIELDS, check_names, name_of, request_of
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.suggest import did_you_mean, one_of
from freehold.train.data.answers import said_by
from freehold.train.data.draft import UNKNOWN, Draft
from freehold.train.data.row import PEOPLE
from freehold.train.data.tally import Tally
from freehold.train.data.targets import answer_in_target
from freehold.wire.dialects import dialect_of

LINE_FIELDS = (
    *CASE_FIELDS, "messages", "text", "answer", "output", "reasoning", "maker", "rejected", "rejected_maker",
)  # fmt: skip
"""What a line may say."""
_BESIDE_TEXT = frozenset(("text", "id", "class", "group", "maker"))
"""What a document may have said of it."""
_NULL = b"null"
_encode = msgspec.json.Encoder().encode
_MESSAGES = msgspec.json.Decoder(list[dict[str, Any]])


class LineFile:
    """A file of lines as a source."""

    def __init__(
        self,
        path: Path,
        *,
        columns: Columns = AS_THEY_ARE,
        maker: str | None = None,
        scorers: tuple[ScorerSettings, ...] = (),
    ) -> None:
        """`maker`: of answers of which the file does not say it; `scorers`: what takes its targets."""
        self._path = path
        self._columns = columns
        self._maker = maker
        self._scorers = scorers

    @property
    def name(self) -> str:
        """`file:NAME`."""
        return f"file:{self._path.name}"

    def drafts(self, tally: Tally) -> Iterator[Draft]:
        """See `Source`. Raises BadRequest, which tells of every mistake in it, before the first line is given."""
        self._look_through()
        problems = Problems(self._path)
        for line, fields in rows_of(self._path, problems, self._columns):
            tally.look()
            try:
                draft = self._draft(line, fields)
            except LineProblem as problem:
                problems.add(line, problem)
                break
            yield draft
        problems.check()

    def _look_through(self) -> None:
        problems, checks, lines = Problems(self._path), Checks(self._scorers), 0
        ids: dict[str, int] = {}
        try:
            for line, fields in rows_of(self._path, problems, self._columns):
                lines += 1
                try:
                    draft = self._draft(line, fields)
                    before = ids.setdefault(draft.id, line)
                    if before != line:
                        raise LineProblem(f"The id `{draft.id}` is that of line {before}, too.", field="id")
                    if draft.target is not msgspec.UNSET:
                        checks.check(_as_case(draft))
                except LineProblem as problem:
                    problems.add(line, problem)
        except Enough:
            pass
        problems.check()
        if not lines:
            raise BadRequest(f"There is no line in `{self._path}`.")

    def _draft(self, line: int, fields: Fields) -> Draft:
        fields = {name: value for name, value in fields.items() if bytes(value) != _NULL}
        check_names(fields, LINE_FIELDS)
        request: dict[str, Any] = {"messages": []}
        if "text" in fields:
            answer: dict[str, Any] | None = _document(fields)
        else:
            answer, asked = _answer_and_question(fields)
            request = msgspec.json.decode(_encode(request_of(asked)))
        target = msgspec.json.decode(fields["target"]) if "target" in fields else msgspec.UNSET
        if answer is None:
            text = None if target is msgspec.UNSET else answer_in_target(target, self._scorers)
            if text is None:
                raise LineProblem("There is no `answer`, and no `target` that is one.", field="answer")
            answer = said_by(text)
        if "reasoning" in fields:
            answer["reasoning_content"] = _text(fields, "reasoning")
        rejected = _message(fields, "rejected") if "rejected" in fields else None
        check_messages(request, answer, rejected)
        maker = _maker(fields, "maker") or self._maker or UNKNOWN
        name = name_of(fields, "id")
        group = name_of(fields, "group")
        if group is None and "text" in fields:  # documents begin alike only by chance
            group = sha256(bytes(fields["text"])).hexdigest()[:16]
        return Draft(
            id=f"{self._path.name}:{name or line}",
            request=request,
            answer=answer,
            maker=maker,
            origin=f"file {self._path.name} line {line}",
            accepted="people" if maker == PEOPLE else "unchecked",
            group=group,
            rejected=rejected,
            rejected_maker=_maker(fields, "rejected_maker") or maker,
            target=target,
            task_class=name_of(fields, "class") or "",
        )


def columns_of_lines(ours_to_theirs: dict[str, str], ignored: tuple[str, ...]) -> Columns:
    """The fields of a file as people name them, ours first. Raises BadRequest."""
    for ours in ours_to_theirs:
        if ours not in LINE_FIELDS:
            hint = did_you_mean(ours, LINE_FIELDS) or f"There are {one_of(LINE_FIELDS)}."
            raise BadRequest(f"No field of a line is called `{ours}`.", hint=hint)
    return Columns({theirs: ours for ours, theirs in ours_to_theirs.items()}, ignored)


def check_messages(request: dict[str, Any], *answers: dict[str, Any] | None) -> None:
    """Raises LineProblem: an answer is no message that could follow this request."""
    for answer in answers:
        if answer is None:
            continue
        if answer.get("role") != "assistant":
            raise LineProblem("An answer is a message of the role `assistant`.", field="answer")
        body = {"model": "any", "messages": [*request.get("messages", ()), answer]}
        try:
            dialect_of("openai-chat").decode_request(_encode(body))
        except BadRequest as error:
            raise LineProblem(error.message, field="answer") from None
        if not answer.get("content") and not answer.get("tool_calls"):
            raise LineProblem("It is empty.", field="answer")


def _document(fields: Fields) -> dict[str, Any]:
    more = sorted(fields.keys() - _BESIDE_TEXT)
    if more:
        raise LineProblem(f"A document answers nothing, so there is no `{more[0]}`.", field="text")
    return said_by(_text(fields, "text"))


def _answer_and_question(fields: Fields) -> tuple[dict[str, Any] | None, Fields]:
    """The answer, where the line gives one, and the fields that say what is asked."""
    given = [name for name in ("messages", "answer", "output") if name in fields]
    asked = {name: value for name, value in fields.items() if name in CASE_FIELDS}
    if "messages" not in fields:
        if len(given) > 1:
            raise LineProblem(
                "`answer` and `output` are both there; one of them is the answer.", field="output"
            )
        return (_message(fields, given[0]) if given else None), asked
    if len(given) > 1 or "input" in fields or "request" in fields:
        raise LineProblem("They hold question and answer, so nothing else may say either.", field="messages")
    raw = fields["messages"]
    if kind_of(raw) == "text":  # as a cell of CSV has it
        raw = msgspec.Raw(msgspec.json.decode(raw, type=str).encode())
    try:
        messages = _MESSAGES.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LineProblem(f"They are no list of messages: {error}.", field="messages") from None
    if len(messages) < 2 or messages[-1].get("role") != "assistant":
        raise LineProblem("The last of them has to be the answer of the `assistant`.", field="messages")
    asked["input"] = msgspec.Raw(_encode(messages[:-1]))
    return messages[-1], asked


def _message(fields: Fields, name: str) -> dict[str, Any]:
    raw = fields[name]
    match kind_of(raw):
        case "text":
            return said_by(_text(fields, name))
        case "an object":
            return dict(msgspec.json.decode(raw))
        case kind:
            raise LineProblem(f"It has to be text or a message, and is {kind}: {shown(raw)}.", field=name)


def _text(fields: Fields, name: str) -> str:
    raw = fields[name]
    if kind_of(raw) != "text":
        raise LineProblem(f"It has to be text, and is {kind_of(raw)}: {shown(raw)}.", field=name)
    text = str(msgspec.json.decode(raw))
    if not text.strip():
        raise LineProblem("It is empty.", field=name)
    return text


def _maker(fields: Fields, name: str) -> str | None:
    told = name_of(fields, name)
    if told is None or told in (PEOPLE, UNKNOWN) or all(told.partition("/")):
        return told
    raise LineProblem(f"`{told}` is neither a model, `provider/name`, nor `{PEOPLE}`.", field=name)


def _as_case(draft: Draft) -> Case:
    return Case(
        id=draft.id,
        request=msgspec.Raw(_encode(draft.request)),
        target=msgspec.Raw(_encode(draft.target)),
    )
