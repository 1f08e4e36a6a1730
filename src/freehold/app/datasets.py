"""Datasets of an installation: made of its ledger, its suites and files of its users, under its terms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, NotFound
from freehold.core.suggest import did_you_mean, one_of

if TYPE_CHECKING:
    from freehold.compare.archive import Archive
    from freehold.compare.case import ScorerSettings, Suite
    from freehold.compare.suites.casefile import Columns
    from freehold.compare.suites.masking import Masking
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.config.settings import Settings
    from freehold.train.data.checking import Checked
    from freehold.train.data.draft import Source
    from freehold.train.data.gate import Decision, Gate
    from freehold.train.data.making import Made
    from freehold.train.data.shelf import Dataset, DatasetShelf
    from freehold.train.data.splitting import By
    from freehold.train.data.suitecases import SuiteCases

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

OF_CALLS = ("feedback", "correction", "unchecked")
OF_CASES = ("target",)
OF_COMPARISONS = ("scorer", "judge")
ACCEPTED = (*OF_CALLS, *OF_CASES, *OF_COMPARISONS)
"""Why an answer may count as good, as `--accept` has it."""
_KINDS = ("route", "suite", "file")
_ACT = "dataset.allow"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What dataset is wanted."""

    name: str
    sources: tuple[str, ...]
    """`route:NAME`, `suite:NAME`, `file:PATH`."""
    accept: tuple[str, ...] = ()
    """Some of `ACCEPTED`; none: of a route feedback and corrections, of a suite its targets."""
    good: float = 0.8
    since_us: int = 0
    maker: str | None = None
    masked: bool = True
    held_out: float = 0.1
    split_by: By = "conversation"
    alike: float = 0.8
    decisions: dict[str, Decision] = {}
    spared: tuple[str, ...] = ()
    """Suites that are not looked for."""
    columns: Columns | None = None
    scorers: tuple[ScorerSettings, ...] = ()


def datasets_of(settings: Settings) -> DatasetShelf:
    """The datasets of this installation."""
    from freehold.train.data.shelf import DatasetShelf

    return DatasetShelf(settings.data)


def gate_of(settings: Settings, decisions: dict[str, Decision]) -> Gate:
    """The gate of terms: what the tables say of this installation's providers, on the day that it is."""
    from datetime import UTC, datetime

    from freehold.app.terms import known_of
    from freehold.catalog.terms.finding import terms_of
    from freehold.train.data.gate import Gate

    known = known_of(settings)
    return Gate(lambda maker, on: terms_of(maker, on, known=known), datetime.now(UTC).date(), decisions)


def masking_of() -> Masking:
    """What masks personal data; loading it takes seconds. Raises BadRequest: a package is missing."""
    from freehold.compare.suites.masking import Masking
    from freehold.compare.suites.persons import Persons

    return Masking(Persons().find)


def make_dataset(
    settings: Settings, wanted: Wanted, *, by: str, looked: Callable[[int], None] = lambda n: None
) -> Made:
    """Make it. `by`: who is at the command line, for the audit log; `looked` is told how much was looked at.

    Raises BadRequest, NotFound, StoreError. Decisions are in the audit log before anything is made.
    """
    from freehold.app.opening import audit_of, comparisons_of
    from freehold.compare.archive import Archive
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.train.data.tally import Tally

    _check_packages()
    from freehold.train.data.making import make
    from freehold.train.data.wish import Wish

    check_name(wanted.name)
    _check_accepted(wanted)
    with closing(comparisons_of(settings)) as database, ExitStack() as acts:
        suites, archive = SuiteShelf(database), Archive(database)
        tally = Tally(looked)
        spared = {one.id: one for one in map(suites.find, wanted.spared)}
        notes = tuple(_SPARED.format(name=one.name, hash=one.hash[:12]) for one in spared.values())
        sources, scorers = _sources(settings, wanted, suites, archive)
        spared |= {one.id: one for one in _made_of(sources)}
        wish = Wish(
            name=wanted.name,
            held_out=wanted.held_out,
            split_by=wanted.split_by,
            alike=wanted.alike,
            scorers=scorers,
            spared=tuple(spared.values()),
            notes=notes,
        )
        masking = masking_of() if wanted.masked else None
        gate = gate_of(settings, wanted.decisions)
        if wanted.decisions:
            audit = acts.enter_context(closing(audit_of(settings)))
        for one in wanted.decisions.values():
            detail = {"maker": one.maker, "reason": one.reason, "by": one.by}
            acts.enter_context(audit.of(by, _ACT, wanted.name, detail))
        return make(
            wish, sources, datasets_of(settings), gate=gate, masking=masking, suites=suites, tally=tally
        )


def check_dataset(
    settings: Settings, which: str, suite: str | None, looked: Callable[[int], None] = lambda n: None
) -> tuple[Dataset, Checked]:
    """Whether a dataset is whole and may be used, as suites and terms are now. `suite`: only this one is looked for.

    What somebody decided when it was made stands. Raises NotFound, BadRequest, StoreError.
    """
    from freehold.app.opening import comparisons_of
    from freehold.compare.suites.shelf import SuiteShelf

    _check_packages()
    from freehold.train.data.checking import check
    from freehold.train.data.reading import report_of

    found = datasets_of(settings).find(which)
    made = report_of(found).makers
    decisions = {one.maker: one.decision for one in made if one.decision is not None}
    with closing(comparisons_of(settings)) as database:
        suites = SuiteShelf(database)
        measured = suites.list() if suite is None else [suites.find(suite)]
        return found, check(found, suites, measured, gate_of(settings, decisions), looked)


def check_name(name: str) -> None:
    """Raises BadRequest: no dataset can be called so."""
    import re

    from freehold.catalog.own import NAME_PATTERN

    if not re.fullmatch(NAME_PATTERN, name):
        raise BadRequest(
            f"`{name[:60]}` is no name for a dataset.",
            hint="It has small letters and digits, with `.`, `_` or `-` between them: `support-2026`.",
        )


_SPARED = (
    "Nobody looked whether it holds cases of the suite `{name}` ({hash}), which cannot measure a model that was "
    "trained on it."
)


def _check_packages() -> None:
    from importlib.util import find_spec

    from freehold.core.extras import how_to_install

    if any(find_spec(name) is None for name in ("numpy", "scipy", "datasketch")):
        raise BadRequest(
            "Making datasets needs NumPy, SciPy and datasketch, which are not installed.",
            hint=how_to_install("compare"),
        )


def _check_accepted(wanted: Wanted) -> None:
    for one in wanted.accept:
        if one not in ACCEPTED:
            hint = did_you_mean(one, ACCEPTED) or f"There are {one_of(ACCEPTED)}."
            raise BadRequest(f"`{one}` is no reason to accept an answer.", hint=hint)
    kinds = {source.partition(":")[0] for source in wanted.sources}
    useful = {
        "route": {*OF_CALLS, *OF_COMPARISONS},
        "suite": {*OF_CASES, *OF_COMPARISONS},
    }
    known = set().union(*(useful.get(kind, set()) for kind in kinds))
    for one in wanted.accept:
        if one not in known:
            raise BadRequest(
                f"`--accept {one}` has nothing to do with {one_of(sorted(kinds))} as a source.",
                hint=f"Calls of a route are accepted by {one_of((*OF_CALLS, *OF_COMPARISONS))}, cases of a suite by "
                f"{one_of((*OF_CASES, *OF_COMPARISONS))}; of a file, every line is taken.",
            )


def _sources(
    settings: Settings, wanted: Wanted, suites: SuiteShelf, archive: Archive
) -> tuple[list[Source], tuple[ScorerSettings, ...]]:
    """The sources in their order, and what takes the targets of their lines."""
    found: list[Source] = []
    given = [wanted.scorers]
    for told in wanted.sources:
        kind, _, name = told.partition(":")
        if kind not in _KINDS or not name:
            is_file = Path(told).suffix.lower() in (".jsonl", ".ndjson", ".csv", ".tsv")
            hint = (
                f"Write `--from file:{told}`."
                if is_file
                else "Write `route:NAME`, `suite:NAME` or `file:PATH`."
            )
            raise BadRequest(f"`--from {told}` is no source.", hint=hint)
        if kind == "route":
            found += _of_route(settings, name, wanted, suites, archive)
        elif kind == "suite":
            found.append(_of_suite(suites.find(name), wanted, suites, archive))
        else:
            found.append(_of_file(Path(name), wanted))
    given += [one.scorers for one in _suite_cases(found)]
    # What has a field of raw JSON cannot be told apart by hashes.
    scorers = {msgspec.json.encode(one): one for one in given if one}
    if len(scorers) > 1:
        raise BadRequest(
            "The sources have targets that different scorers take, and a dataset has one kind of them.",
            hint="Make a dataset of each.",
        )
    return found, next(iter(scorers.values()), ())


def _of_route(
    settings: Settings, route: str, wanted: Wanted, suites: SuiteShelf, archive: Archive
) -> list[Source]:
    from freehold.app.opening import history_of
    from freehold.train.data.calls import RouteCalls
    from freehold.train.data.suitecases import SuiteCases

    found: list[Source] = []
    of_calls = [one for one in OF_CALLS if one in (wanted.accept or ("feedback", "correction"))]
    if of_calls:
        history = history_of(settings)
        _check_route(route, settings)
        found.append(
            RouteCalls(
                history,
                route,
                grounds=of_calls,  # type: ignore[arg-type]  # a list of a literal's words
                good=wanted.good,
                since_us=wanted.since_us,
                with_media=not wanted.masked,
            )
        )
    of_comparisons = [one for one in OF_COMPARISONS if one in wanted.accept]
    if of_comparisons:
        sampled = [one for one in suites.list() if (one.source.kind, one.source.name) == ("calls", route)]
        if not sampled:
            raise NotFound(
                f"No suite was sampled from the calls of `{route}`, so no comparison has found answers good.",
                hint=f"`freehold suite sample {route} --scorer …`, then `freehold compare`.",
            )
        found += [
            SuiteCases(one, suites, archive, grounds=of_comparisons)  # type: ignore[arg-type]  # as above
            for one in sampled
        ]
    return found


def _of_suite(suite: Suite, wanted: Wanted, suites: SuiteShelf, archive: Archive) -> Source:
    from freehold.train.data.suitecases import SuiteCases

    grounds = [one for one in (*OF_CASES, *OF_COMPARISONS) if one in (wanted.accept or OF_CASES)]
    return SuiteCases(suite, suites, archive, grounds=grounds, maker=wanted.maker)  # type: ignore[arg-type]  # as above


def _of_file(path: Path, wanted: Wanted) -> Source:
    from freehold.compare.suites.casefile import AS_THEY_ARE
    from freehold.train.data.linefile import LineFile

    return LineFile(path, columns=wanted.columns or AS_THEY_ARE, maker=wanted.maker, scorers=wanted.scorers)


def _suite_cases(sources: list[Source]) -> list[SuiteCases]:
    from freehold.train.data.suitecases import SuiteCases

    return [one for one in sources if isinstance(one, SuiteCases)]


def _made_of(sources: list[Source]) -> list[Suite]:
    return [one.suite for one in _suite_cases(sources)]


def _check_route(route: str, settings: Settings) -> None:
    """Raises NotFound: nobody has called such a route or model, and there is none either."""
    from freehold.app.opening import history_of
    from freehold.ledger.filters import Filter

    history = history_of(settings)
    called = {one.names[0] for one in history.sums(("route",), Filter())} if history.exists else set()
    known = {*settings.routes, *filter(None, called)}
    if route not in known:
        hint = did_you_mean(route, known) or "`freehold routes` lists the routes."
        raise NotFound(f"There is no route `{route}`, and nobody has called a model of this name.", hint=hint)
