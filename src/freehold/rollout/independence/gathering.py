"""From the ledger and the standing verdicts to the value that tells of independence. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.figures import counted
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.independence.action import Possible
from freehold.rollout.independence.cells import Cell, Way
from freehold.rollout.independence.parity import Parities, Parity
from freehold.rollout.independence.prospects import Prospects
from freehold.rollout.independence.standing import Proven, Standings, Versions, standings_of
from freehold.rollout.independence.traffic import Answered, by_route, traffic_of
from freehold.routing.routes import Route, Target


class Rehearsals(msgspec.Struct, frozen=True):
    """What drills found."""

    survived: Callable[[str, str], float | None] = lambda _route, _house: None
    """The share of a route's calls that survives a house's loss by its newest drill, at least; None: there was none."""


class Gathered(msgspec.Struct, frozen=True):
    """What the score is reckoned from."""

    cells: list[Cell]
    possible: list[Possible]
    answered: list[Answered]
    notes: list[str]
    parity_of: Callable[[Possible], float | None]
    """The share of a route's requests that would arrive at a model whole, at least; None: nobody can tell. Waits."""


class Gathering:
    """Finds cells and ways. Methods wait, and raise StoreError."""

    def __init__(
        self,
        landscape: Landscape,
        history: LedgerReader,
        archive: Archive,
        shelf: SuiteShelf,
        *,
        chosen: Filter,
        now_us: int,
        rehearsals: Rehearsals,
    ) -> None:
        self._landscape = landscape
        self._history = history
        self._archive = archive
        self._shelf = shelf
        self._chosen = chosen
        self._now_us = now_us
        self._rehearsals = rehearsals
        self._versions = Versions(history)
        self._parities = Parities(history, landscape, chosen)
        self._prospects = Prospects(landscape, shelf.classes, now_us)
        self._notes: dict[str, None] = {}

    def gather(self) -> Gathered:
        """All of it."""
        answered = traffic_of(self._history, self._chosen)
        groups = by_route(answered)
        named = [route for route, operation in groups if operation == "chat"]
        standings = standings_of(self._archive, self._shelf, named)
        cells: list[Cell] = []
        possible: list[Possible] = []
        for (name, operation), some in groups.items():
            route = self._landscape.routes.get(name)
            if operation != "chat" or route is None:
                cells += [self._bare(one, _why_none(one, operation)) for one in some]
                continue
            cells += [cell for one in some for cell in self._cells(route, one, standings[name])]
            incumbents = [route.incumbent.name, self._as_asked(route, some[0].model)]
            possible += self._prospects.find(route, some, standings[name], incumbents)
        return Gathered(cells, possible, answered, list(self._notes), self._parity_of)

    def _parity_of(self, one: Possible) -> float | None:
        target = _target(one.model)
        assert target is not None, "models are named `provider/name`"
        incumbent = self._landscape.routes[one.route].incumbent
        return self._parities.find(one.route, target, self._landscape.house_of(incumbent.provider)).least

    # Cells

    def _bare(self, one: Answered, note: str) -> Cell:
        provider = one.model.partition("/")[0]
        return Cell(
            route=one.route,
            model=one.model,
            house=self._landscape.house_of(provider),
            own=self._landscape.is_own(provider),
            operation=one.operation,
            calls=float(one.calls),
            cost=one.cost,
            note=note,
        )

    def _cells(self, route: Route, one: Answered, standings: Standings) -> Iterator[Cell]:
        """One for each class of tasks; without classes one."""
        whole = self._bare(one, "")
        suite = standings.class_suite
        classes = {} if suite is None else self._shelf.classes(suite.id)
        cases = sum(classes.values())
        for name, many in (classes or {"": 1}).items():
            share = many / cases if cases else 1.0
            cost = None if whole.cost is None else whole.cost * Decimal(many) / Decimal(cases or 1)
            yield msgspec.structs.replace(
                whole,
                task_class=name,
                calls=whole.calls * share,
                cost=cost,
                cases=cases if len(classes) > 1 else None,
                ways=tuple(self._ways(route, one.model, name, standings, whole.house)),
            )

    def _ways(
        self, route: Route, model: str, task_class: str, standings: Standings, house: str
    ) -> Iterator[Way]:
        asked = self._as_asked(route, model)
        names = dict.fromkeys([*(one.name for one in route.plan), *standings.models])
        for name in names:
            target = _target(name)
            if target is None or name == asked or self._landscape.settings_of(target.provider) is None:
                continue
            yield self._way(route, asked, target, task_class, standings=standings, house=house)

    def _as_asked(self, route: Route, model: str) -> str:
        """The name that the route has for a model: that of the pool where one of its members answered."""
        provider, _, name = model.partition("/")
        for target in route.plan:
            if target.model == name and provider in self._landscape.pools.get(target.provider, ()):
                return target.name
        return model

    def _way(
        self, route: Route, asked: str, target: Target, task_class: str, *, standings: Standings, house: str
    ) -> Way:
        way = Way(
            model=target.name,
            house=self._landscape.house_of(target.provider),
            own=self._landscape.is_own(target.provider),
            configured=target in route.plan,
        )
        if target.name == route.incumbent.name:
            way = msgspec.structs.replace(way, proof="incumbent", sure=1.0)
        else:
            way = self._proven(way, route, asked, task_class, standings)
        if way.house == house or way.sure * way.fresh == 0:
            return way
        parity = self._parities.find(route.name, target, house)
        drilled = self._rehearsals.survived(route.name, house) if way.configured else None
        way = msgspec.structs.replace(way, parity=parity.least, drilled=drilled)
        return way if way.why_not else msgspec.structs.replace(way, why_not=_why_less(way, parity))

    def _proven(self, way: Way, route: Route, asked: str, task_class: str, standings: Standings) -> Way:
        incumbents = list(dict.fromkeys([route.incumbent.name, asked]))
        found = standings.find(incumbents, way.model, task_class)
        if found is not None and found.verdict.decision == "replaces":
            return self._judged(way, found, turned=False)
        turned = standings.turned_round(way.model, asked)
        if (
            turned is not None
            and turned.turned_round
            and (found is None or found.verdict.made_us < turned.verdict.made_us)
        ):
            return self._judged(way, turned, turned=True)
        why = "no verdict" if found is None else found.verdict.decision
        kept = (
            {}
            if found is None
            else {"comparison": found.comparison.id, "age_days": found.age_days(self._now_us)}
        )
        return msgspec.structs.replace(way, why_not=why, **kept)

    def _judged(self, way: Way, found: Proven, *, turned: bool) -> Way:
        verdict = found.verdict
        if found.suite.source.kind != "calls":
            self._notes[
                f"{found.comparison.id} counts, although `{found.suite.name}` is no sample of the route's calls."
            ] = None
        fresh, why = found.fresh(self._now_us), ""
        changed = self._versions.changed(
            found, (verdict.incumbent, found.comparison.terms.model_of(verdict.candidate))
        )
        if found.comparison.terms.prompt is not None and not turned:
            fresh, why = 0.0, f"only with the prompt `{found.comparison.terms.prompt.name}`"
        elif changed is not None:
            fresh, why = 0.0, f"`{changed}` calls itself otherwise since it was compared"
            self._notes[f"The verdict of {found.comparison.id} does not count: {why}."] = None
        elif fresh == 0:
            why = "the evidence is too old"
        elif fresh < 1:
            why = f"the evidence is {found.age_days(self._now_us)} days old"
        return msgspec.structs.replace(
            way,
            proof="turned round" if turned else "verdict",
            sure=1 - verdict.alpha,
            fresh=fresh,
            comparison=found.comparison.id,
            age_days=found.age_days(self._now_us),
            quality_low=_quality_low(found, turned=turned),
            why_not=why,
        )


def _why_none(one: Answered, operation: str) -> str:
    if operation == "embeddings":
        return "vectors of another model are no replacement"
    if "/" in one.route:
        return "applications call this model by its own name"
    return "the route is not configured any more"


def _why_less(way: Way, parity: Parity) -> str:
    if parity.least is None:
        return "nobody can tell whether its calls would arrive whole: their requests are not kept"
    if parity.whole < parity.of:
        lost = ", ".join(f"`{one}`" for one in parity.breaks[:3]) or "the dialect"
        return f"{counted(parity.of - parity.whole, 'call')} of {parity.of} would not arrive whole: {lost}"
    if way.drilled is None:
        return ""
    return f"its drill proves of no more than {int(100 * way.drilled)} % of its calls that they survive"


def _quality_low(found: Proven, *, turned: bool) -> float | None:
    """The share of the other's mean score that is kept, at least."""
    evidence = found.verdict.evidence
    mean, other = evidence.incumbent_mean, evidence.candidate_mean
    if mean is None or other is None:
        return None
    base, low = (other, other - evidence.high) if turned else (mean, mean + evidence.low)
    return max(0.0, low / base) if base > 0 else None


def _target(name: str) -> Target | None:
    provider, slash, model = name.partition("/")
    return Target(provider, model) if slash and model else None
