"""A finished comparison for reports: models whose answers are made up here, and everything else by the real code."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.archive import Archive
from freehold.compare.case import Case, ScorerSettings, Source, Suite
from freehold.compare.database import Database
from freehold.compare.report.gathering import report_of
from freehold.compare.report.report import Report, Traffic
from freehold.compare.running.comparing import Comparing, new_comparison
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison, Means, Terms
from freehold.core.ids import new_id

INCUMBENT, CLOSE, CHEAP = "acme/large", "open/medium", "open/tiny"
JUDGE = "house/judge"
CLASSES = ("invoices", "opening hours", "returns and refunds", "small talk")
TERMS = Terms(
    incumbent=INCUMBENT, candidates=(CLOSE, CHEAP), route="support", margin=0.1, alpha=0.05, max_cases=600
)
TRAFFIC = Traffic(route="support", model=INCUMBENT, days=12, calls=24_000, unpriced=0, cost=Decimal("518.40"))


class Model(msgspec.Struct, frozen=True):
    """How one of the models answers."""

    right: float
    """How often, and in the last class half as often."""
    cost: str | None
    seconds: float
    losses: tuple[str, ...] = ()
    wrong: str = "I am sorry, but I do not know that."
    failing: float = 0.0


MODELS = {
    INCUMBENT: Model(right=0.9, cost="0.0216", seconds=1.4),
    CLOSE: Model(
        right=0.92, cost="0.0031", seconds=0.9, losses=("`seed` is not known to this provider",), failing=0.01
    ),
    CHEAP: Model(right=0.55, cost="0.0004", seconds=0.25, wrong="**No.**\n\n1. First\n2. Second"),
}


def cases(many: int = 600) -> Iterator[Case]:
    """Questions of four classes, with their right answers."""
    for number in range(many):
        task_class = CLASSES[number % len(CLASSES)]
        asked = f"Question {number} about {task_class}: what does the handbook say on page {number % 97}?"
        messages = [
            {"role": "system", "content": "Answer from the handbook, in one sentence."},
            {"role": "user", "content": asked},
        ]
        yield Case(
            id=f"{task_class.split()[0]}-{number}",
            request=msgspec.Raw(json.dumps({"messages": messages}).encode()),
            target=msgspec.Raw(json.dumps(_right(asked)).encode()),
            task_class=task_class,
        )


def _right(asked: str) -> str:
    return f"The handbook says: {asked.removeprefix('Question ')}"


async def ask(model: str, request: msgspec.Raw, models: dict[str, Model] = MODELS) -> Answer:
    """What a model answers: always the same to the same."""
    if model == JUDGE:
        return _judge(request)
    how, asked = models[model], msgspec.json.decode(request)["messages"][-1]["content"]
    chance = random.Random(f"{model} {asked}")
    is_hard = CLASSES[-1] in asked
    right = chance.random() < how.right * (0.5 if is_hard and model != INCUMBENT else 1)
    failed = chance.random() < how.failing
    return Answer(
        id=new_id("answer"),
        model=model,
        text="" if failed else (_right(asked) if right else how.wrong),
        failure="provider_timeout" if failed else None,
        call_id=new_id("call"),
        reported_model=f"{model.partition('/')[2]}-2026-09-01",
        cost=None
        if how.cost is None
        else Decimal(how.cost) * Decimal(str(round(chance.uniform(0.5, 1.5), 3))),
        latency_s=how.seconds * chance.lognormvariate(0, 0.5),
        losses=how.losses if chance.random() < 0.3 else (),
    )


def _judge(request: msgspec.Raw) -> Answer:
    """Finds the answer from the handbook better."""
    said = msgspec.json.decode(request)["messages"][-1]["content"]
    found = {
        name: answer
        for name, answer in re.findall(r"<answer-([AB])-\w{16}>\n(.*?)\n</answer-", said, re.DOTALL)
        if answer.startswith("The handbook says")
    }
    verdict = {
        "reasoning": "Only one is from the handbook.",
        "better": min(found) if len(found) == 1 else "tie",
    }
    return Answer(
        id=new_id("answer"),
        model=JUDGE,
        text=json.dumps(verdict),
        call_id=new_id("call"),
        cost=Decimal("0.001"),
    )


class Compared(msgspec.Struct, frozen=True):
    """A comparison that was run."""

    comparison: Comparison
    suite: Suite
    shelf: SuiteShelf
    archive: Archive

    def report(self, traffic: Traffic | None = TRAFFIC) -> Report:
        """Its report."""
        return report_of(self.comparison, shelf=self.shelf, archive=self.archive, traffic=traffic)


@contextmanager
def compared(
    path: Path,
    *,
    terms: Terms = TERMS,
    of: list[Case] | None = None,
    models: dict[str, Model] = MODELS,
    name: str = "support-2026-10",
    scorers: tuple[ScorerSettings, ...] = (ScorerSettings(kind="exact"),),
    notes: tuple[str, ...] = ("First turns only: later turns answer the old model.",),
) -> Iterator[Compared]:
    """A comparison in a database below `path`, run to its end."""

    async def answer(model: str, request: msgspec.Raw) -> Answer:
        return await ask(model, request, models)

    async def run() -> Comparison:
        archive.begin(comparison)
        comparing = Comparing(comparison, suite, Means(concurrency=4), shelf, archive, goes_on=False)
        return (await comparing.run(answer)).comparison

    with closing(Database(path / ".freehold" / "compare.db")) as database:
        shelf, archive = SuiteShelf(database), Archive(database)
        source = Source(kind="calls", name="support", notes=notes)
        given = list(cases()) if of is None else of
        suite = shelf.add(name, source, scorers, given)
        comparison = new_comparison(suite, terms)
        yield Compared(asyncio.run(run()), suite, shelf, archive)
