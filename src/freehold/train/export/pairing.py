"""Having the trained and the served form answer the same questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from queue import SimpleQueue
from typing import TypeVar

from freehold.train.export.questions import Question
from freehold.train.export.scoring import Answered, TaskTest, parted_after
from freehold.train.export.serving import SLOTS, Served
from freehold.train.export.torch_form import TorchForm
from freehold.train.export.watching import Watcher, nothing

T = TypeVar("T")
R = TypeVar("R")

_TOGETHER = 16
"""Questions that are asked before it is looked whether more are needed."""


def answer_in_pairs(
    form: TorchForm,
    runtime: Served,
    questions: Sequence[Question],
    task: TaskTest,
    *,
    longest: int,
    watch: Watcher,
) -> None:
    """Ask group by group until it is sure whose answers are better, or all are asked."""
    groups = _groups(questions)
    with watch("Answering the questions", len(questions)) as advance:
        while groups and not task.decided:
            some: list[Question] = []
            units = []
            while groups and len(some) < _TOGETHER:
                units.append(groups.pop(0))
                some += units[-1]
            answered = dict(
                zip([one.case.id for one in some], _answers(form, runtime, some, longest), strict=True)
            )
            for unit in units:
                task.add([answered[one.case.id] for one in unit])
            advance(len(some))


def at_once(
    ask: Callable[[T, int], R], every: Sequence[T], advance: Callable[[int], None] = nothing
) -> list[R]:
    """What the runtime says to each, in their order; asked in as many threads as it has slots."""
    free: SimpleQueue[int] = SimpleQueue()
    for slot in range(SLOTS):
        free.put(slot)

    def one(asked: T) -> R:
        slot = free.get()
        try:
            return ask(asked, slot)
        finally:
            free.put(slot)
            advance(1)

    with ThreadPoolExecutor(SLOTS) as threads:
        return list(threads.map(one, every))


def _answers(form: TorchForm, runtime: Served, some: Sequence[Question], longest: int) -> list[Answered]:
    written = form.write([form.prompt(one.messages) for one in some], longest)
    theirs = at_once(lambda one, slot: runtime.write(one.messages, longest, slot), some)
    answered = []
    for question, tokens, served in zip(some, written, theirs, strict=True):
        trained = form.text_of(tokens)
        parted = parted_after(form.ids(trained.text), form.ids(served.text))
        answered.append(Answered(question, trained, served, parted))
    return answered


def _groups(questions: Sequence[Question]) -> list[list[Question]]:
    """Questions by their group, in the order in which each group comes first."""
    first = {one.group: place for place, one in reversed(list(enumerate(questions)))}
    ordered = sorted(questions, key=lambda one: first[one.group])
    return [list(several) for _, several in groupby(ordered, key=lambda one: one.group)]
