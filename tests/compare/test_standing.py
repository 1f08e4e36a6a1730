"""Which verdicts stand: the newest decision about a candidate, on this route's calls or on nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.compare.archive import Archive
from freehold.compare.database import Database
from freehold.compare.standing import replacements
from freehold.compare.terms import Comparison, State, Terms
from freehold.compare.verdict import Decision, Evidence, Verdict

LARGE, SMALL, OTHER = "mine/large", "mine/small", "mine/other"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(Database(tmp_path / "compare.db")) as database:
        yield Archive(database)


def decide(
    archive: Archive,
    number: int,
    decision: Decision,
    *,
    candidate: str = SMALL,
    route: str | None = "chat",
    state: State = "done",
    task_class: str = "",
) -> None:
    comparison = f"comparison_{number}"
    terms = Terms(incumbent=LARGE, candidates=(candidate,), route=route)
    archive.begin(Comparison(id=comparison, suite="suite_1", terms=terms, state=state, begun_us=number))
    verdict = Verdict(
        comparison=comparison,
        incumbent=LARGE,
        candidate=candidate,
        task_class=task_class,
        decision=decision,
        reason="",
        margin=0.03,
        alpha=0.05,
        evidence=Evidence(n=1),
        suite="suite_1",
        suite_hash="",
        seed=0,
        made_us=number,
    )
    archive.put_verdicts([verdict])


def standing(archive: Archive, route: str = "chat", incumbent: str = LARGE) -> set[str]:
    return set(replacements(archive.database, incumbent, route))


def test_where_nothing_was_compared_nothing_stands(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "compare.db")) as database:
        assert replacements(database, LARGE, "chat") == frozenset()
    assert not (tmp_path / "compare.db").exists()


def test_the_newest_decision_stands(archive: Archive) -> None:
    decide(archive, 1, "replaces")
    assert standing(archive) == {SMALL}
    decide(archive, 2, "does not replace")
    assert standing(archive) == set()
    decide(archive, 3, "replaces")
    assert standing(archive) == {SMALL}


def test_what_came_to_no_decision_takes_nothing_back(archive: Archive) -> None:
    decide(archive, 1, "replaces")
    decide(archive, 2, "undecided")
    decide(archive, 3, "does not replace", state="running")
    decide(archive, 4, "does not replace", task_class="sums")
    assert standing(archive) == {SMALL}


def test_it_stands_for_its_incumbent_and_its_route_alone(archive: Archive) -> None:
    decide(archive, 1, "replaces")
    decide(archive, 2, "replaces", candidate=OTHER, route=None)
    assert standing(archive) == {SMALL, OTHER}
    assert standing(archive, route="code") == {OTHER}
    assert standing(archive, incumbent=SMALL) == set()


def test_with_a_prompt_of_its_own_it_is_another_candidate(archive: Archive) -> None:
    decide(archive, 1, "replaces", candidate=f"{SMALL} [terse]")
    assert SMALL not in standing(archive)
