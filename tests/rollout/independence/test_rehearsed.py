"""What the newest drill of a provider's loss showed counts, and how long the newest finished rollout took."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
from left_providers import PRICES

from freehold.catalog.models import Catalog
from freehold.providers.settings import ProviderSettings
from freehold.rollout.archive import Archive
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.database import Database
from freehold.rollout.drills.figures import Row, proportion_low
from freehold.rollout.drills.report import Report
from freehold.rollout.independence.rehearsed import cutover_seconds, survived_by
from freehold.rollout.plan import parse_plan
from freehold.rollout.terms import Rollout, State, Terms, Transition
from freehold.routing.routes import Target

SECOND_US = 1_000_000


def _landscape() -> Landscape:
    addresses = {
        "one": "https://one.example/v1",
        "one-too": "https://one.example/v2",
        "two": "https://two.example/v1",
    }
    providers = {name: ProviderSettings(name, base_url=url) for name, url in addresses.items()}
    return Landscape({}, providers, {}, (), PRICES, Catalog(own={}, lists={}))


def _row(route: str, fault: str, survived: int, task: str = "") -> Row:
    return Row(
        fault=fault, title=fault, route=route, task=task, calls=100, survived=survived, survival=survived / 100,
        low=proportion_low(survived, 100),
        verdicts={}, misses={}, first_p50_s=None, first_p99_s=None, p50_s=None, p99_s=None, models={},
        joined=0, repeated=0, extra_cost=None, priced=0,
    )  # fmt: skip


def _drill(made_us: int, *rows: Row, lost: str = "one") -> Report:
    return Report(
        id=f"drill_{made_us}", made_us=made_us, lost=lost, providers=(lost,), conclusion="survived", reasons=(),
        require=0.999, survivors="simulated", seed=0, days=1, routes=(), rows=rows, least=None,
    )  # fmt: skip


def test_the_worst_fault_of_the_newest_drill_counts() -> None:
    newest = _drill(
        2, _row("a", "refused", 99), _row("a", "silent", 90), _row("a", "silent", 10, task="mail")
    )
    older = _drill(1, _row("a", "refused", 50), _row("b", "refused", 80))
    survived = survived_by([newest, older], _landscape())
    assert survived("a", "one") == proportion_low(90, 100)
    assert survived("b", "one") == proportion_low(80, 100)
    assert survived("c", "one") is None
    assert survived("a", "two") is None


def test_who_vanishes_with_a_provider_is_rehearsed_with_it() -> None:
    survived = survived_by([_drill(1, _row("a", "refused", 70), lost="one-too")], _landscape())
    assert survived("a", "one") == proportion_low(70, 100)


def test_a_drill_of_few_calls_proves_little_though_all_survived() -> None:
    row = msgspec.structs.replace(_row("a", "refused", 5), calls=5, survival=1.0, low=proportion_low(5, 5))
    survived = survived_by([_drill(1, row)], _landscape())("a", "one")
    assert survived is not None
    assert 0.54 < survived < 0.55


def _rollout(number: int, state: State) -> Rollout:
    terms = Terms(
        incumbent=Target("one", "x"), candidate=Target("two", "y"), plan=parse_plan("canary:5%,cutover")
    )
    return Rollout(
        id=f"rollout_{number:032x}",
        route=f"route{number}",
        terms=terms,
        state=state,
        stage_us=0,
        begun_us=number * SECOND_US,
    )


def _begin(archive: Archive, number: int) -> Rollout:
    rollout = _rollout(number, "running")
    first = Transition(
        rollout=rollout.id,
        version=1,
        at_us=rollout.begun_us,
        by="test",
        act="start",
        state="running",
        stage=0,
        reason="",
    )
    archive.begin(rollout, first)
    return rollout


def _change(archive: Archive, rollout: Rollout, at_us: int, *, stage: int, state: State) -> Rollout:
    changed = msgspec.structs.replace(
        rollout, stage=stage, state=state, version=rollout.version + 1, stage_us=at_us
    )
    assert archive.change(
        changed,
        Transition(
            rollout=rollout.id,
            version=changed.version,
            at_us=at_us,
            by="gates",
            act="pass",
            state=state,
            stage=stage,
            reason="",
        ),
    )
    return changed


def test_the_newest_rollout_that_came_to_its_end_says_how_long_it_takes(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "rollout.db")) as database:
        archive = Archive(database)
        assert cutover_seconds(archive) is None
        for number, seconds in ((1, 100), (2, 40)):
            rollout = _begin(archive, number)
            cut = _change(archive, rollout, rollout.begun_us + seconds * SECOND_US, stage=1, state="running")
            _change(archive, cut, rollout.begun_us + 500 * SECOND_US, stage=1, state="finished")
        rolled_back = _begin(archive, 3)
        _change(archive, rolled_back, rolled_back.begun_us + SECOND_US, stage=1, state="rolled back")
        assert cutover_seconds(archive) == 40


def test_without_any_rollout_nothing_is_made(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "rollout.db")) as database:
        assert cutover_seconds(Archive(database)) is None
    assert list(tmp_path.iterdir()) == []
