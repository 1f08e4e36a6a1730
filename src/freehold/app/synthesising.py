"""Synthetic data, from an outline and the words of a command to a dataset: what it needs is started and ended here."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, NotFound, UnknownModel

if TYPE_CHECKING:
    from freehold.catalog.terms.terms import Terms
    from freehold.compare.judges.asking import Ask
    from freehold.config.settings import Settings
    from freehold.train.data.gate import Decision
    from freehold.train.data.making import Made
    from freehold.train.data.row import Accepted
    from freehold.train.synthesis.diversity import Embed
    from freehold.train.synthesis.memory import Memory
    from freehold.train.synthesis.outline import Outline
    from freehold.train.synthesis.report import End, Synthesised
    from freehold.train.synthesis.runner import Runner

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

FOLDER = "synthesis"
REPORT = "report.json"
_ACT = "dataset.allow"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    name: str
    """Of the dataset."""
    outline: Outline
    teacher: str | None = None
    """None: the outline's."""
    seed: int = 0
    budget: Decimal | None = None
    """US dollars, those of earlier runs among them; None: no bound but the owner's limits."""
    unpriced: bool = False
    """Models without a known price may be asked although there is a budget."""
    calls: int | None = None
    """Those of earlier runs among them."""
    concurrency: int = 8
    tries: int = 10
    """Attempts for each row that is wanted, after which it is given up."""
    masked: bool = False
    held_out: float = 0.1
    alike: float = 0.8
    decisions: dict[str, Decision] = {}
    spared: tuple[str, ...] = ()
    """Suites that are not looked for."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be done."""

    wanted: Wanted
    id: str
    teacher: str
    """`provider/name`."""
    terms: Terms
    cells: int
    calls_before: int
    """That earlier runs made."""

    @property
    def calls_of_attempt(self) -> int:
        """Of the teacher alone, if it needed every sample."""
        outline = self.wanted.outline
        return (outline.question.prompt is not None) + outline.answer.samples

    @property
    def most_calls(self) -> int:
        """Of the teacher alone, if every attempt needed every sample."""
        most = self.wanted.outline.rows * self.wanted.tries * self.calls_of_attempt
        return most if self.wanted.calls is None else min(most, self.wanted.calls)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    report: Synthesised
    made: Made | None
    """None: it was interrupted."""


def prepare(settings: Settings, wanted: Wanted) -> Prepared:
    """Look at everything that can be looked at before a call is paid for.

    Raises BadRequest: the terms of the teacher do not allow it, packages or scorers are missing; NotFound.
    """
    from freehold.app.comparing import check_extra
    from freehold.app.datasets import check_name
    from freehold.train.synthesis.memory import calls_in
    from freehold.train.synthesis.outline import identity_of
    from freehold.train.synthesis.seeds import Sower

    check_extra()
    check_name(wanted.name)
    teacher = _teacher(settings, wanted)
    name = f"synthesis_{identity_of(wanted.outline, teacher, wanted.seed)}"
    return Prepared(
        wanted=wanted,
        id=name,
        teacher=teacher,
        terms=_checked_terms(settings, teacher, wanted.decisions),
        cells=Sower(wanted.outline, wanted.seed).cells,
        calls_before=calls_in(settings.data / FOLDER / name),
    )


def synthesise(
    settings: Settings, prepared: Prepared, *, by: str, watch: Callable[[Runner, Memory], None]
) -> Result:
    """Ask until there are rows enough, and make a dataset of them. `by`: who is at the command line.

    Raises BadRequest: nothing was good enough, the check is at fault, or somebody else is at it; StoreError.
    """
    import uvloop

    from freehold.store.folders import make_private
    from freehold.store.lock import ProcessLock

    folder = settings.data / FOLDER / prepared.id
    make_private(folder)
    lock = ProcessLock(folder / "lock")
    if not lock.take():
        raise BadRequest("This is being synthesised by another process.", hint="Wait for its end, or end it.")
    try:
        runner, accepted, report = uvloop.run(_run(settings, prepared, folder, watch))
        (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        if report.end == "interrupted":
            return Result(report=report, made=None)
        return Result(report=report, made=_make(settings, prepared, runner, accepted, report, by=by))
    finally:
        lock.release(remove=True)


def _teacher(settings: Settings, wanted: Wanted) -> str:
    name = wanted.teacher or wanted.outline.teacher
    if name is None:
        raise BadRequest(
            "Nobody is named who could answer.", hint="`--teacher MODEL`, or `teacher` in the outline."
        )
    try:
        return settings.route_table().find(name).incumbent.name
    except UnknownModel as unknown:
        raise NotFound(unknown.message, hint="`freehold models` lists the models.") from None


def _checked_terms(settings: Settings, teacher: str, decisions: dict[str, Decision]) -> Terms:
    """What the teacher's terms say. Raises BadRequest: they do not allow it, and nobody has decided otherwise."""
    from datetime import UTC, datetime

    from freehold.app.terms import known_of
    from freehold.catalog.terms.finding import terms_of

    terms = terms_of(teacher, datetime.now(UTC).date(), known=known_of(settings))
    if terms.verdict == "allowed" or teacher in decisions:
        return terms
    told = {
        "forbidden": f"The terms of {terms.holder} forbid to learn from the answers of `{teacher}`: {terms.summary}",
        "conditional": f"The terms of {terms.holder} let one learn from the answers of `{teacher}` on a condition: "
        f"{terms.condition}",
        "unknown": f"Whether one may learn from the answers of `{teacher}` is not known: {terms.summary}",
    }
    raise BadRequest(
        told[terms.verdict],
        hint=f'Read {terms.source or "its terms"}, and decide: `--allow {teacher}="…" --by NAME`; or take another '
        "teacher (`freehold models terms`).",
    )


async def _run(
    settings: Settings, prepared: Prepared, folder: Path, watch: Callable[[Runner, Memory], None]
) -> tuple[Runner, Accepted, Synthesised]:
    from freehold.train.synthesis.checking import opened
    from freehold.train.synthesis.memory import Memory
    from freehold.train.synthesis.report import report_of
    from freehold.train.synthesis.runner import Runner
    from freehold.train.synthesis.seeds import Sower

    wanted, outline = prepared.wanted, prepared.wanted.outline
    sower = Sower(outline, wanted.seed)
    with closing(Memory(folder, most_calls=wanted.calls)) as memory:
        async with (
            _asking(settings, prepared, memory) as ask,
            opened(outline.check, outline.scorers, outline.answer.samples) as check,
        ):
            runner = Runner(
                outline,
                prepared.teacher,
                sower=sower,
                check=check,
                memory=memory,
                ask=ask,
                concurrency=wanted.concurrency,
                most_attempts=outline.rows * wanted.tries,
                alike=wanted.alike,
            )
            with _interruptible(runner):
                await runner.run(lambda one: watch(one, memory))
        end = _end_of(runner)
        embed = None if end == "interrupted" else _embedder(settings)
        report = report_of(
            prepared.id, prepared.teacher, runner, memory, cells=sower.cells, end=end, embed=embed
        )
        return runner, check.accepted, report


@asynccontextmanager
async def _asking(settings: Settings, prepared: Prepared, memory: Memory) -> AsyncIterator[Ask]:
    """An engine in this process: each call is in the ledger under the synthesis' id, and in its budget."""
    from freehold.app.asking import open_engine
    from freehold.compare.asking import Asker
    from freehold.compare.budget import Budget, BudgetedLimits, Tariffs
    from freehold.core.clock import SystemClock
    from freehold.engine.limiting import Limits

    wanted, prices, clock = prepared.wanted, settings.price_list(), SystemClock()
    async with open_engine(settings, {}) as parts:
        budget = Budget(wanted.budget, memory.owed())

        async def record() -> None:
            owed = budget.promise()
            memory.owe(owed)
            budget.promised(owed)

        budget.recorded_by(record)
        runtime = parts.engine.runtime
        unpriced = wanted.unpriced or wanted.budget is None
        limits = BudgetedLimits(
            runtime.limits, budget, Tariffs(prices, settings.catalog(), clock), unpriced=unpriced
        )
        in_force: Limits = limits
        parts.engine.runtime = msgspec.structs.replace(runtime, limits=in_force)
        try:
            yield Asker(parts.engine, prices, clock, prepared.id, limits=limits).ask
        finally:
            memory.owe(budget.owed)


def _make(
    settings: Settings,
    prepared: Prepared,
    runner: Runner,
    accepted: Accepted,
    report: Synthesised,
    *,
    by: str,
) -> Made:
    from freehold.app.datasets import datasets_of, gate_of, masking_of
    from freehold.app.opening import audit_of, comparisons_of
    from freehold.compare.judges.settings import KINDS
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.core.figures import counted
    from freehold.train.data.making import make
    from freehold.train.data.wish import Wish
    from freehold.train.synthesis.report import notes_of
    from freehold.train.synthesis.source import SynthesisSource

    wanted = prepared.wanted
    if not runner.kept:
        told = "; ".join(f"{counted(many, 'time')} {why}" for why, many in runner.left_out.most_common(3))
        ended = "" if report.why is None else f" {report.why}"
        if not runner.attempts:
            raise BadRequest(
                f"No attempt was brought to its end.{ended}",
                hint=f"Give more: an attempt takes up to {counted(prepared.calls_of_attempt, 'call')}.",
            )
        raise BadRequest(
            f"None of {runner.attempts:,} attempts came to a row{': ' + told if told else ''}.{ended}",
            hint="Another teacher, a plainer prompt or a milder check may do.",
        )
    with closing(comparisons_of(settings)) as database, ExitStack() as acts:
        suites = SuiteShelf(database)
        wish = Wish(
            name=wanted.name,
            held_out=wanted.held_out,
            alike=wanted.alike,
            scorers=tuple(one for one in wanted.outline.scorers if one.kind not in KINDS),
            spared=tuple(map(suites.find, wanted.spared)),
            notes=tuple(notes_of(report)),
        )
        if wanted.decisions:
            audit = acts.enter_context(closing(audit_of(settings)))
        for one in wanted.decisions.values():
            detail = {"maker": one.maker, "reason": one.reason, "by": one.by}
            acts.enter_context(audit.of(by, _ACT, wanted.name, detail))
        return make(
            wish,
            [SynthesisSource(prepared.id, prepared.teacher, runner.kept, accepted)],
            datasets_of(settings),
            gate=gate_of(settings, wanted.decisions),
            masking=masking_of() if wanted.masked else None,
            suites=suites,
        )


def _end_of(runner: Runner) -> End:
    from freehold.compare.halting import BudgetSpent
    from freehold.train.synthesis.memory import CallsSpent

    if runner.is_complete:
        return "complete"
    if runner.interrupted:
        return "interrupted"
    match runner.halted:
        case None:
            return "attempts"
        case CallsSpent():
            return "calls"
        case BudgetSpent():
            return "budget"
    return "halted"


def _embedder(settings: Settings) -> Embed | None:
    """The local embeddings model, where it is installed and not switched off."""
    from freehold.catalog.embedded import LOCAL
    from freehold.compare.suites.embedding import embedder

    if LOCAL not in settings.providers:
        return None
    try:
        return embedder()
    except BadRequest:
        return None


@contextmanager
def _interruptible(runner: Runner) -> Iterator[None]:
    """The first Ctrl-C asks nothing more."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, runner.interrupt)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
