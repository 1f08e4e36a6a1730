"""A plan for teaching a model to reason: answers are written, rewarded and learned from, in turns."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.planning.architecture import Architecture
from freehold.train.planning.bill import Bill, bill_of
from freehold.train.planning.chip import Chip, Precision
from freehold.train.planning.constants import PUE
from freehold.train.planning.serving import Served, Weights, serve
from freehold.train.planning.training import Wanted, plan_of

_SCORED = 2
"""How often each answer is read besides: by the model as it was, and by the one it may not stray from."""


class Lessons(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be learned with what."""

    model: Architecture
    chip: Chip
    count: int
    steps: int
    """Changes of the weights."""
    questions: int = 32
    """Of a step."""
    samples: int = 16
    """Answers to each question."""
    at_once: int = 16
    """Steps whose answers are written together, before any of them is learned from."""
    prompt: int = 300
    answer: int
    """Tokens of an answer, on average over the run."""
    longest: int
    """Tokens at which an answer is cut. Where answers are written together, the last one holds up all."""
    group: int
    """Devices that hold the model together while answers are written."""
    precision: Precision = "bf16"
    price: float | None = None
    pue: float = PUE


class Teaching(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes."""

    lessons: Lessons
    answers: int
    tokens: int
    writing: float
    """Hours of writing answers."""
    waited: float
    """Of those, hours in which only the longest answers are still being written."""
    learning: float
    """Hours of learning from them, and of reading them for the comparison."""
    hours: float
    """All of it; not only of one device, but of the clock."""
    device_hours: float
    stream: float
    """Tokens a second of one answer."""
    bill: Bill
    notes: list[str]


def teach(lessons: Lessons) -> Teaching:
    """The plan. Raises BadRequest where the model does not fit."""
    _check(lessons)
    groups = max(1, lessons.count // lessons.group)
    answers = lessons.questions * lessons.samples
    together = answers * lessons.at_once
    weights: Weights = "fp8" if lessons.precision == "fp8" else "bf16"
    served = serve(
        Served(
            model=lessons.model,
            chip=lessons.chip,
            count=lessons.group,
            weights=weights,
            batch=None,
            prompt=lessons.prompt,
            answer=lessons.answer,
        )
    )
    batch = max(1, min(served.most, -(-together // groups)))
    full = serve(_with(lessons, weights, batch))
    few = serve(_with(lessons, weights, max(1, batch // 20)))
    turns = -(-lessons.steps // lessons.at_once)
    writing = together * lessons.answer / (full.decode * groups)
    tail = max(0.0, lessons.longest / few.stream - writing)
    learned = _learning_rate(lessons, answers)
    tokens = together * (lessons.prompt + lessons.answer)
    learning = tokens / learned * (1 + _SCORED / 3)
    seconds = turns * (writing + tail + learning)
    device_hours = seconds / 3600 * lessons.count
    return Teaching(
        lessons=lessons,
        answers=answers * lessons.steps,
        tokens=answers * lessons.steps * lessons.answer,
        writing=turns * (writing + tail) / 3600,
        waited=turns * tail / 3600,
        learning=turns * learning / 3600,
        hours=seconds / 3600,
        device_hours=device_hours,
        stream=full.stream,
        bill=bill_of(lessons.chip, device_hours, price=lessons.price, pue=lessons.pue),
        notes=[
            "Rewards are taken to cost nothing: where they run programs, count those machines besides.",
            "How long answers become is not known before; the last figures move with `--answer` and `--longest`.",
        ],
    )


def _with(lessons: Lessons, weights: Weights, batch: int) -> Served:
    return Served(
        model=lessons.model,
        chip=lessons.chip,
        count=lessons.group,
        weights=weights,
        batch=batch,
        prompt=lessons.prompt,
        answer=lessons.answer,
    )


def _learning_rate(lessons: Lessons, answers: int) -> float:
    """Tokens a second that are learned from, on all devices."""
    context = lessons.prompt + lessons.answer
    plan = plan_of(
        Wanted(
            model=lessons.model,
            tokens=answers * context,
            chip=lessons.chip,
            count=lessons.count,
            context=context,
            batch=answers * context,
            precision=lessons.precision,
        )
    )
    return plan.batch / plan.chosen.seconds


def _check(lessons: Lessons) -> None:
    for name, value in (
        ("steps", lessons.steps),
        ("questions", lessons.questions),
        ("samples", lessons.samples),
        ("at-once", lessons.at_once),
        ("group", lessons.group),
    ):
        if not 1 <= value <= 10**9:
            raise BadRequest(f"`--{name} {value}` is none that could be planned with.", hint="From 1.")
    if lessons.longest < lessons.answer:
        raise BadRequest(
            f"Answers are cut at {lessons.longest:,} tokens and have {lessons.answer:,} on average.",
            hint="`--longest` is at least `--answer`.",
        )
    if lessons.group > lessons.count:
        raise BadRequest(
            f"A group of {lessons.group:,} devices is more than the {lessons.count:,} there are.",
            hint="Take a smaller `--group`.",
        )
