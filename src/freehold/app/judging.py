"""A judge that is measured against people, from settings and the words of a command to what was found."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.core.errors import BadRequest, SettingsError
from freehold.core.extras import how_to_install

if TYPE_CHECKING:
    from freehold.app.parts import Parts
    from freehold.compare.asking import Asker
    from freehold.compare.case import ScorerSettings, Suite
    from freehold.compare.judges.checking import JudgeCheck, Judged
    from freehold.compare.judges.labels import Labels
    from freehold.config.settings import Settings

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_KEPT_SECONDS = 1.0
"""Between two times that what was judged is kept."""


class WantedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    labels: Labels
    file: str
    """Where they are, for people."""
    judge: str | None = None
    """The model; None: the one that the scorer names."""
    scorer: ScorerSettings | None = None
    suite: str | None = None
    """Whose judge is meant; None: `scorer`, or a judge with nothing set."""
    sample_of: str | None = None
    """The suite whose cases were drawn at random to be labelled."""
    concurrency: int = 8
    budget: Decimal | None = None
    unpriced: bool = False


class Drawn(msgspec.Struct, frozen=True):
    """Lines for people to label."""

    lines: list[dict[str, Any]]
    whole: bool
    """Whether they were drawn from all cases of the suite."""


class JudgeChecks:
    """The checks of an installation."""

    def __init__(self, settings: Settings) -> None:
        from freehold.app.comparing import database_of
        from freehold.compare.judges.checks import Checks
        from freehold.compare.suites.shelf import SuiteShelf

        self.settings = settings
        self._database = database_of(settings)
        self._shelf: SuiteShelf = SuiteShelf(self._database)
        self._checks: Checks = Checks(self._database)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def all(self) -> list[JudgeCheck]:
        """Every check, the newest first."""
        return self._checks.all()

    def find(self, which: str) -> JudgeCheck:
        """By its id, or the beginning of one. Raises NotFound."""
        return self._checks.find(which)

    def sample(self, comparison: str, candidate: str | None, n: int, seed: int) -> Drawn:
        """Lines for people to label: `n` cases of a comparison at the most, drawn at random from those that both models
        have answered. Raises NotFound; BadRequest: no such candidate, no judge, nothing was answered.
        """
        from freehold.compare.archive import Archive
        from freehold.compare.judges.sampling import Both, lines_to_label
        from freehold.compare.judges.settings import KINDS

        archive = Archive(self._database)
        found = archive.find(comparison)
        suite = self._shelf.find(found.suite)
        kinds = [kind for kind in KINDS if any(one.kind == kind for one in suite.scorers)]
        if len(kinds) != 1:
            raise BadRequest(
                f"The suite `{suite.name}` has {'no judge' if not kinds else 'judges of both kinds'}."
            )
        candidates = found.terms.candidates
        chosen = candidate or candidates[0]
        if chosen not in candidates or (candidate is None and len(candidates) > 1):
            told = ", ".join(f"`{one}`" for one in candidates)
            raise BadRequest("Whose answers are meant is not said.", hint=f"`--candidate` one of {told}.")
        rows = [row for some in archive.pairs(found.id, chosen) for row in some]
        whole = len({row.drawn for row in rows}) == self._shelf.units(suite.id)
        rows = [row for row in rows if row.difference is not None]
        random.Random(seed).shuffle(rows)
        both: list[Both] = []
        for start in range(0, len(rows), max(1, n)):
            some = rows[start : start + n]
            answers = archive.answers(
                [one for row in some for one in (row.incumbent_answer, row.candidate_answer)]
            )
            cases = self._shelf.by_id(suite.id, [row.case_id for row in some])
            for row in some:
                old, new = answers[row.incumbent_answer], answers[row.candidate_answer]
                if len(both) < n and new.failure is None:
                    both.append(Both(cases[row.case_id], old, msgspec.structs.replace(new, model=chosen)))
        if not both:
            raise BadRequest(f"There are no pairs of answers in `{found.id}`.")
        return Drawn(lines_to_label(both, kinds[0], seed=seed), whole)

    def run(self, wanted: WantedCheck, step: Callable[[int], None]) -> JudgeCheck:
        """Have everything judged that has not been judged by an earlier run that was broken off; `step` is called with
        1 for each. Raises BadRequest, NotFound, Halted (what was judged is kept), StoreError.
        """
        import uvloop

        _check_extra()
        suite = None if wanted.suite is None else self._shelf.find(wanted.suite)
        sampled = None if wanted.sample_of is None else self._shelf.find(wanted.sample_of)
        labels = self._with_cases(wanted.labels, sampled or suite)
        if sampled is not None:
            self._check_sample(labels, sampled)
        scorer = _scorer(wanted, suite)
        return uvloop.run(self._run(wanted, labels, scorer, None if sampled is None else sampled.hash, step))

    async def _run(
        self,
        wanted: WantedCheck,
        labels: Labels,
        scorer: ScorerSettings,
        sample_of: str | None,
        step: Callable[[int], None],
    ) -> JudgeCheck:
        from freehold.app.asking import open_engine
        from freehold.compare.judges.checking import Listening, judge_labels
        from freehold.compare.judges.registry import judge_of

        async with open_engine(self.settings, {}) as parts:
            check, asker = self._begin(wanted, labels, scorer, sample_of, parts)
            ask = Listening(asker.ask, wanted.concurrency)
            judge = judge_of(scorer, ask)
            done = {one.key: one for one in check.judged}
            step(len(done))
            kept_at = time.monotonic()

            def put(*, complete: bool) -> JudgeCheck:
                now = msgspec.structs.replace(
                    check,
                    judged=tuple(done.values()),
                    reported_models=tuple(sorted({*check.reported_models, *ask.reported})),
                    complete=complete,
                )
                self._checks.put(now)
                return now

            def keep(one: Judged) -> None:
                nonlocal kept_at
                done[one.key] = one
                step(1)
                if time.monotonic() - kept_at > _KEPT_SECONDS:
                    put(complete=False)
                    kept_at = time.monotonic()

            todo = [one for one in labels.labels if one.key not in done]
            try:
                await judge_labels(judge, todo, concurrency=wanted.concurrency, keep=keep)
            except BaseException:
                put(complete=False)
                raise
            return put(complete=True)

    def _begin(
        self,
        wanted: WantedCheck,
        labels: Labels,
        scorer: ScorerSettings,
        sample_of: str | None,
        parts: Parts,
    ) -> tuple[JudgeCheck, Asker]:
        """An earlier check that was broken off, or a new one; and who asks for it."""
        from freehold.compare.asking import Asker
        from freehold.compare.judges.checking import JudgeCheck
        from freehold.compare.judges.registry import judge_hash
        from freehold.compare.judges.settings import kind_of, read_settings
        from freehold.core.clock import SystemClock, microseconds
        from freehold.core.ids import new_id

        settings = read_settings(scorer)
        parts.engine.runtime.route_for(settings.model, None)  # raises UnknownModel before anything is kept
        hashed = judge_hash(scorer)
        check = self._checks.broken_off(hashed, labels.hash, sample_of) or JudgeCheck(
            id=new_id("check"),
            scorer=hashed,
            kind=kind_of(settings),
            judge=settings.model,
            labels=labels.hash,
            file=wanted.file,
            sample_of=sample_of,
            made_us=microseconds(time.time()),
        )
        limits = None
        if wanted.budget is not None:
            from freehold.compare.budget import Budget, BudgetedLimits, Tariffs, unpriced

            tariffs = Tariffs(self.settings.price_list(), self.settings.catalog(), SystemClock())
            runtime = parts.engine.runtime
            target = runtime.route_for(settings.model, None).incumbent
            if not wanted.unpriced and tariffs.of(target) is None:
                raise unpriced(target)
            limits = BudgetedLimits(runtime.limits, Budget(wanted.budget), tariffs, unpriced=wanted.unpriced)
            parts.engine.runtime = msgspec.structs.replace(runtime, limits=limits)
        asker = Asker(parts.engine, self.settings.price_list(), SystemClock(), check.id, limits=limits)
        return check, asker

    def _with_cases(self, labels: Labels, suite: Suite | None) -> Labels:
        """What a line leaves out is what the suite's case asks."""
        cases = {} if suite is None else self._shelf.by_id(suite.id, labels.cases)
        return labels.asked_as_in(cases)

    def _check_sample(self, labels: Labels, suite: Suite) -> None:
        """Raises BadRequest: something was labelled that is no case of the suite that it is said to be a sample of."""
        known = self._shelf.by_id(suite.id, labels.cases)
        strange = next((one for one in labels.cases if one not in known), None)
        if strange is not None:
            raise BadRequest(
                f"`{strange}` is no case of the suite `{suite.name}`, so the labels are no sample of it.",
                hint="Write the suite's ids as `case`, or leave `--sample-of` out.",
            )


def _check_extra() -> None:
    """Raises SettingsError: what measures a judge is not installed. Better before it was paid."""
    if find_spec("numpy") is None:
        raise SettingsError(
            "A judge is measured with NumPy, which is not installed.", hint=how_to_install("compare")
        )


def _scorer(wanted: WantedCheck, suite: Suite | None) -> ScorerSettings:
    """The judge that is meant. Raises BadRequest: it is none, or not the kind that the labels are for."""
    from freehold.compare.case import ScorerSettings
    from freehold.compare.judges.settings import KINDS, read_settings

    kind = wanted.labels.kind
    scorer = wanted.scorer
    if suite is not None:
        of_suite = [one for one in suite.scorers if one.kind == kind]
        if wanted.judge is not None and len(of_suite) > 1:
            of_suite = [one for one in of_suite if read_settings(one).model == wanted.judge]
        if len(of_suite) != 1:
            raise BadRequest(
                f"The suite `{suite.name}` has {len(of_suite) or 'no'} scorers that are a `{kind}`, and one is needed.",
                hint="Say which model judges: `--judge MODEL`."
                if of_suite
                else "Say how it is set: `--scorer`.",
            )
        scorer = of_suite[0]
    scorer = scorer or ScorerSettings(kind=kind)
    if scorer.kind in KINDS and scorer.kind != kind:
        what = "pairs of answers" if kind == "pairwise-judge" else "single answers"
        raise BadRequest(f"The labels are of {what}, and a `{scorer.kind}` judges others.")
    if wanted.judge is not None:
        try:
            settings = msgspec.json.decode(scorer.settings, type=dict[str, object])
        except msgspec.DecodeError as error:
            raise BadRequest(f"The settings of the scorer are no JSON object: {error}.") from None
        settings["model"] = wanted.judge
        scorer = ScorerSettings(kind=scorer.kind, settings=msgspec.Raw(msgspec.json.encode(settings)))
    elif b'"model"' not in bytes(scorer.settings):
        raise BadRequest("Which model judges is not said.", hint="Name it: `--judge MODEL`.")
    return scorer


@contextmanager
def judge_checks_of(settings: Settings) -> Iterator[JudgeChecks]:
    """The checks of an installation, as long as they are needed."""
    with closing(JudgeChecks(settings)) as checks:
        yield checks
