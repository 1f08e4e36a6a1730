"""Has a judge judge what people have labelled, and keeps both side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.labels import Label
from freehold.compare.judges.material import said_in
from freehold.compare.judges.pairwise import Look, PairwiseJudge
from freehold.compare.judges.registry import Judge
from freehold.compare.judges.settings import JudgeKind


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A label and what the judge says of the same."""

    case: str
    group: str | None = None
    models: tuple[str, ...]
    """One, or two: then figures are for the second."""
    people: float
    judge: float | None
    """None: no verdict."""
    why: str = ""
    looks: tuple[tuple[int | None, int | None], ...] = ()
    """Of a pair: what was said with the first model's answer first, and with the second model's first."""
    lengths: tuple[int, ...] = ()
    """Of the answers, in characters."""
    variance: float | None = None
    """Of repeated verdicts."""
    call_ids: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about: nothing else in its check has the same."""
        return (self.case, *self.models)

    @property
    def cluster(self) -> str:
        """What of one cluster is judged hangs together."""
        return self.case if self.group is None else f"group {self.group}"


class JudgeCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A judge measured with labels."""

    id: str
    scorer: str
    """The hash of the judge as it was set."""
    kind: JudgeKind
    judge: str
    """The model."""
    labels: str
    """The hash of the labels."""
    file: str
    """Where they were."""
    sample_of: str | None = None
    """The hash of the suite whose cases were drawn at random to be labelled; None: they are from elsewhere."""
    reported_models: tuple[str, ...] = ()
    """What the provider says that judged."""
    complete: bool = False
    """Whether everything that was labelled was judged."""
    judged: tuple[Judged, ...] = ()
    made_us: int = 0


async def judge_labels(
    judge: Judge, labels: Iterable[Label], *, concurrency: int, keep: Callable[[Judged], None]
) -> None:
    """Has every label judged, so many at once; each is handed to `keep` as soon as it is there. What raises ends it."""
    waiting = iter(labels)

    async def work() -> None:
        for label in waiting:
            keep(await _judged(judge, label))

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # several at once ran into the same


async def _judged(judge: Judge, label: Label) -> Judged:
    looks: list[Look] = []
    if isinstance(judge, PairwiseJudge):
        first, second = label.answers
        scored = await judge.compare(label.case, first, second, looks)
    else:
        scored = await judge.score(label.case, label.answers[0])
    return Judged(
        case=label.case.id,
        group=label.case.group,
        models=tuple(answer.model for answer in label.answers),
        people=label.people,
        judge=scored.value,
        why=scored.why,
        looks=tuple((look.incumbent_first, look.candidate_first) for look in looks),
        lengths=tuple(len(said_in(answer)) for answer in label.answers),
        variance=scored.variance,
        call_ids=scored.call_ids,
    )


class Listening:
    """An `Ask` with so many questions at once, that remembers which model the provider says it was."""

    def __init__(self, ask: Ask, concurrency: int) -> None:
        self._ask = ask
        self._places = asyncio.Semaphore(concurrency)
        self.reported: set[str] = set()

    async def __call__(self, model: str, request: msgspec.Raw, /) -> Answer:
        """As the `Ask` that it passes the question to."""
        async with self._places:
            answer = await self._ask(model, request)
        if answer.reported_model:
            self.reported.add(answer.reported_model)
        return answer
