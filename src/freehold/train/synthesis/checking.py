"""Which answer to a question is good: scorers, judges, and whether the teacher says the same when asked again."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import NOTHING, Case, ScorerSettings, plain_json
from freehold.compare.halting import ScorerFailed
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.registry import judge_of
from freehold.compare.judges.rubric import RubricJudge
from freehold.compare.judges.settings import KINDS
from freehold.compare.scorers.boxes import last_box
from freehold.compare.scorers.numbers import last_number, plain
from freehold.compare.scorers.registry import OpenScorer, scorer_of
from freehold.core.errors import BadRequest
from freehold.train.data.row import Accepted
from freehold.train.synthesis.asked import Unfit, said_in
from freehold.train.synthesis.outline import CheckWish

Sample = Callable[[], Awaitable[Answer]]
"""Asks the teacher once more."""

_asking: ContextVar[Ask] = ContextVar("asking")
"""How a judge is asked for the attempt under way."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one question."""

    answer: Answer
    target: msgspec.Raw = NOTHING
    rejected: Answer | None = None
    """An answer to the same that did not pass."""


class Check:
    """The check of an outline, ready to be used."""

    def __init__(
        self, wish: CheckWish, samples: int, scorers: Sequence[tuple[str, OpenScorer | RubricJudge]]
    ) -> None:
        self._wish = wish
        self._samples = samples
        self._scorers = scorers

    @property
    def accepted(self) -> Accepted:
        """Why its rows count as good."""
        if any(kind not in KINDS for kind, _ in self._scorers):
            return "scorer"
        # A teacher that is asked again judges its own answer.
        return "judge" if self._scorers or self._wish.agreement is not None else "unchecked"

    async def choose(self, case: Case, sample: Sample, ask: Ask) -> Chosen:
        """A good answer. Raises Unfit: there is none."""
        _asking.set(ask)
        if self._wish.agreement is not None:
            return await self._agreed(case, sample, self._wish.agreement)
        rejected: Answer | None = None
        for turn in range(1, self._samples + 1):
            answer = await sample()
            try:
                said_in(answer, "answer")
                await self._pass(case, answer)
            except Unfit:
                if answer.failure is None and answer.text.strip():
                    rejected = answer
                if turn == self._samples:
                    raise
                continue
            return Chosen(answer=answer, target=case.target, rejected=rejected)
        raise AssertionError("there is at least one sample")

    async def _agreed(self, case: Case, sample: Sample, share: float) -> Chosen:
        answers = [await sample() for _ in range(self._samples)]
        said = [_gist(answer, self._wish.by) for answer in answers]
        counted = Counter(one for one in said if one is not None)
        if not counted:
            raise Unfit("no answer says what could be compared")
        gist, votes = counted.most_common(1)[0]
        if votes < share * self._samples or list(counted.values()).count(votes) > 1:
            raise Unfit("the answers do not agree")
        target = case.target if bytes(case.target) else _target(gist, self._wish.by)
        answer = answers[said.index(gist)]
        await self._pass(msgspec.structs.replace(case, target=target), answer)
        other = next((one for one, own in zip(answers, said, strict=True) if own not in (gist, None)), None)
        return Chosen(answer=answer, target=target, rejected=other)

    async def _pass(self, case: Case, answer: Answer) -> None:
        for kind, scorer in self._scorers:
            try:
                scored = await scorer.score(case, answer)
            except BadRequest as error:
                if bytes(case.target):  # the teacher wrote it
                    raise Unfit("the target is not what the scorer takes") from None
                raise ScorerFailed(
                    error.message, hint="`[question]` has to say where targets come from."
                ) from None
            if scored.value is None:
                raise Unfit(f"`{kind}` gave no verdict")
            if scored.value < self._wish.at_least:
                raise Unfit(f"`{kind}` found no answer good enough")


@asynccontextmanager
async def opened(wish: CheckWish, settings: Sequence[ScorerSettings], samples: int) -> AsyncIterator[Check]:
    """The check with its scorers. Raises BadRequest: there is no such scorer, or its settings are wrong."""
    scorers: list[tuple[str, OpenScorer | RubricJudge]] = []
    try:
        for one in settings:
            if one.kind in KINDS:
                judge = judge_of(one, _ask)
                if not isinstance(judge, RubricJudge):
                    raise BadRequest(f"`{one.kind}` compares two answers.", hint="`rubric-judge` scores one.")
                scorers.append((one.kind, judge))
            else:
                scorers.append((one.kind, scorer_of(one, others=KINDS)))
        yield Check(wish, samples, scorers)
    finally:
        for _, scorer in scorers:
            await scorer.close()


async def _ask(model: str, request: msgspec.Raw) -> Answer:
    """Asks for the attempt under way, whichever that is."""
    return await _asking.get()(model, request)


def _gist(answer: Answer, by: str) -> str | None:
    """What an answer comes to; None: nothing that could be compared."""
    try:
        text = said_in(answer, "answer")
    except Unfit:
        return None
    if by == "number":
        box = last_box(text)
        found = last_number(plain(text if box is None else box))
        return None if found is None else str(found.value)
    if by == "json":
        try:
            return plain_json(text.encode()).decode()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _target(gist: str, by: str) -> msgspec.Raw:
    return msgspec.Raw(gist.encode() if by == "json" else msgspec.json.encode(gist))
