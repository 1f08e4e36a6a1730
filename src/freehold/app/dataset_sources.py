"""What a dataset is made of, from the words of a command to sources: calls of a route, cases, lines of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, NotFound
from freehold.core.suggest import did_you_mean, one_of

if TYPE_CHECKING:
    from freehold.compare import full_marks
    from freehold.compare.archive import Archive
    from freehold.compare.case import ScorerSettings, Suite
    from freehold.compare.suites.casefile import Columns
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.config.settings import Settings
    from freehold.ledger.reading import LedgerReader
    from freehold.train.data import calls, suitecases
    from freehold.train.data.draft import Source
    from freehold.train.data.gate import Decision
    from freehold.train.data.splitting import By

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

OF_CALLS: tuple[calls.Ground, ...] = ("feedback", "correction", "unchecked")
OF_CASES: tuple[suitecases.Ground, ...] = ("target",)
OF_COMPARISONS: tuple[full_marks.Ground, ...] = ("scorer", "judge")
ACCEPTED = (*OF_CALLS, *OF_CASES, *OF_COMPARISONS)
"""Why an answer may count as good, as `--accept` has it."""


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


class Told(msgspec.Struct, frozen=True):
    """What the words of a command came to."""

    sources: list[Source]
    """In their order."""
    scorers: tuple[ScorerSettings, ...]
    """What takes the targets of their lines."""
    made_of: list[Suite]
    """Suites among them."""


def told_by(settings: Settings, wanted: Wanted, suites: SuiteShelf, archive: Archive) -> Told:
    """The sources that somebody wants. Raises BadRequest, NotFound."""
    from freehold.train.data.suitecases import SuiteCases

    _check_accepted(wanted)
    found: list[Source] = []
    for told in wanted.sources:
        kind, _, name = told.partition(":")
        if kind == "route" and name:
            found += _of_route(settings, name, wanted, suites, archive)
        elif kind == "suite" and name:
            found.append(_of_suite(suites.find(name), wanted, suites, archive))
        elif kind == "file" and name:
            found.append(_of_file(Path(name), wanted))
        else:
            raise _no_source(told)
    cases = [one for one in found if isinstance(one, SuiteCases)]
    # What has a field of raw JSON cannot be told apart by hashes.
    scorers = {
        msgspec.json.encode(one): one for one in (wanted.scorers, *(each.scorers for each in cases)) if one
    }
    if len(scorers) > 1:
        raise BadRequest(
            "The sources have targets that different scorers take, and a dataset has one kind of them.",
            hint="Make a dataset of each.",
        )
    return Told(found, next(iter(scorers.values()), ()), [one.suite for one in cases])


def _check_accepted(wanted: Wanted) -> None:
    for one in wanted.accept:
        if one not in ACCEPTED:
            hint = did_you_mean(one, ACCEPTED) or f"There are {one_of(ACCEPTED)}."
            raise BadRequest(f"`{one}` is no reason to accept an answer.", hint=hint)
    kinds = {source.partition(":")[0] for source in wanted.sources}
    of_route, of_suite = (*OF_CALLS, *OF_COMPARISONS), (*OF_CASES, *OF_COMPARISONS)
    useful = {*(of_route if "route" in kinds else ()), *(of_suite if "suite" in kinds else ())}
    for one in wanted.accept:
        if one not in useful:
            raise BadRequest(
                f"`--accept {one}` has nothing to do with {one_of(sorted(kinds))} as a source.",
                hint=f"Calls of a route are accepted by {one_of(of_route)}, cases of a suite by {one_of(of_suite)}; of "
                "a file, every line is taken.",
            )


def _of_route(
    settings: Settings, route: str, wanted: Wanted, suites: SuiteShelf, archive: Archive
) -> list[Source]:
    from freehold.app.opening import history_of
    from freehold.train.data.calls import RouteCalls
    from freehold.train.data.suitecases import SuiteCases

    found: list[Source] = []
    of_comparisons = [one for one in OF_COMPARISONS if one in wanted.accept]
    of_calls = [one for one in OF_CALLS if one in wanted.accept]
    if not of_calls and not of_comparisons:
        of_calls = ["feedback", "correction"]
    if of_calls:
        history = history_of(settings)
        _check_route(route, settings, history)
        calls = RouteCalls(
            history,
            route,
            grounds=of_calls,
            good=wanted.good,
            since_us=wanted.since_us,
            with_media=not wanted.masked,
        )
        found.append(calls)
    if of_comparisons:
        sampled = [one for one in suites.list() if (one.source.kind, one.source.name) == ("calls", route)]
        if not sampled:
            raise NotFound(
                f"No suite was sampled from the calls of `{route}`, so no comparison has found answers good.",
                hint=f"`freehold suite sample {route} --scorer …`, then `freehold compare`.",
            )
        found += [SuiteCases(one, suites, archive, grounds=of_comparisons) for one in sampled]
    return found


def _of_suite(suite: Suite, wanted: Wanted, suites: SuiteShelf, archive: Archive) -> Source:
    from freehold.train.data.suitecases import SuiteCases

    grounds = [one for one in (*OF_CASES, *OF_COMPARISONS) if one in wanted.accept]
    return SuiteCases(suite, suites, archive, grounds=grounds or OF_CASES, maker=wanted.maker)


def _of_file(path: Path, wanted: Wanted) -> Source:
    from freehold.compare.suites.casefile import AS_THEY_ARE
    from freehold.train.data.linefile import LineFile

    return LineFile(path, columns=wanted.columns or AS_THEY_ARE, maker=wanted.maker, scorers=wanted.scorers)


def _check_route(route: str, settings: Settings, history: LedgerReader) -> None:
    """Raises NotFound: nobody has called such a route or model, and there is none either."""
    from freehold.ledger.filters import Filter

    called = {one.names[0] for one in history.sums(("route",), Filter())} if history.exists else set()
    known = {*settings.routes, *filter(None, called)}
    if route not in known:
        hint = did_you_mean(route, known) or "`freehold routes` lists the routes."
        raise NotFound(f"There is no route `{route}`, and nobody has called a model of this name.", hint=hint)


def _no_source(told: str) -> BadRequest:
    is_file = Path(told).suffix.lower() in (".jsonl", ".ndjson", ".csv", ".tsv")
    hint = f"Write `--from file:{told}`." if is_file else "Write `route:NAME`, `suite:NAME` or `file:PATH`."
    return BadRequest(f"`--from {told}` is no source.", hint=hint)
