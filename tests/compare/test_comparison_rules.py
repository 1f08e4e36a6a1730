"""The rules of the method: what is counted, and what is sure when several are compared."""

from __future__ import annotations

import math

import msgspec
import pytest
from compared import case
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.answer import Answer
from freehold.compare.evidence import Candidacy, Tally
from freehold.compare.judgement import decisions, is_hopeless, obstacle, sure_of, sure_of_classes
from freehold.compare.pair import Pair, Uncounted
from freehold.compare.terms import Terms

TERMS = Terms(incumbent="a/one", candidates=("b/one", "b/two", "b/three"), margin=0.1)


def pair(difference: float | None, *, why: Uncounted | None = None, failed: str = "", drawn: int = 0) -> Pair:
    return Pair(
        drawn=drawn,
        case=case(0),
        incumbent=Answer(id="x", model="a/one", failure="broken" if failed == "incumbent" else None),
        candidate=Answer(id="y", model="b/one", failure="broken" if failed == "candidate" else None),
        difference=difference,
        why=why,
    )


def tally(*differences: float | None) -> Tally:
    found = Tally(margin=0.1, alpha=0.05)
    for one in differences:
        found.add([pair(one, why=None if one is not None else "no verdict")])
    return found


def with_logs(**logs: float) -> dict[str, Tally]:
    found = {}
    for name, log in logs.items():
        found[name] = Tally(margin=0.1, alpha=0.05)
        found[name].most_replaces = log
    return found


def test_e_holm_asks_more_of_the_first_than_of_the_last() -> None:
    need = [math.log(many / 0.05) + 1e-9 for many in (3, 2, 1)]
    assert set(sure_of(TERMS, with_logs(one=need[0], two=need[1], three=need[2]))) == {"one", "two", "three"}
    assert set(sure_of(TERMS, with_logs(one=need[0], two=need[2], three=need[2]))) == {"one"}
    assert not sure_of(TERMS, with_logs(one=need[0] - 2e-9, two=need[1], three=need[2]))
    # Enough alone, and not enough among three.
    assert not sure_of(TERMS, with_logs(one=need[2], two=0.0, three=0.0))
    assert sure_of(TERMS, with_logs(one=need[2])) == {"one": "replaces"}


@given(st.lists(st.floats(-5, 20), min_size=1, max_size=6), st.floats(0, 10), st.data())
def test_who_is_sure_stays_sure_when_evidence_grows(
    logs: list[float], more: float, data: st.DataObject
) -> None:
    names = {f"model{at}": log for at, log in enumerate(logs)}
    before = sure_of(TERMS, with_logs(**names))
    grown = data.draw(st.sampled_from(sorted(names)))
    after = sure_of(TERMS, with_logs(**(names | {grown: names[grown] + more})))
    assert set(before) <= set(after)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), max_size=60))
def test_better_worse_and_alike_add_up(differences: list[float]) -> None:
    evidence = tally(*differences).evidence()
    assert evidence.n == evidence.wins + evidence.losses + evidence.ties == len(differences)
    if differences:
        assert evidence.difference == pytest.approx(sum(differences) / len(differences))
        assert evidence.low <= evidence.high
    else:
        assert evidence.difference is None


def test_classes_are_sure_together_sooner_than_alone() -> None:
    strong = tally(*[1.0] * 18)
    level = math.exp(strong.evidence().log_e_replaces)
    terms = msgspec.structs.replace(TERMS, alpha=1.2 / level)
    assert sure_of_classes(terms, {"x": strong}, 1) == {"x": "replaces"}
    # One of two would need twice as much; both of two do not.
    assert sure_of_classes(terms, {"x": strong, "y": tally(0.0)}, 2) == {}
    assert set(sure_of_classes(terms, {"x": strong, "y": strong}, 2)) == {"x", "y"}
    # A class of which no pair was counted yet is one of them.
    assert sure_of_classes(terms, {"x": strong}, 2) == {}


def test_a_class_is_sure_by_what_is_known_now_and_a_candidate_by_the_most_that_was_ever_known() -> None:
    """e-BH holds for the e-values of one moment, and not for the highest that each ever had; Holm holds for these."""
    fallen = tally(*[1.0] * 40, *[-1.0] * 40)
    assert fallen.most_replaces > math.log(1 / TERMS.alpha) > fallen.log_e_replaces
    assert sure_of_classes(TERMS, {"x": fallen}, 1) != {"x": "replaces"}
    assert sure_of(TERMS, {"x": fallen})["x"] == "replaces"


def test_intervals_are_of_each_candidate_by_itself() -> None:
    alone, together = Tally(margin=0.1, alpha=0.05), Tally(margin=0.1, alpha=0.05, among=5)
    for one in (1.0, 0.0, -1.0, 1.0, 0.5) * 10:
        alone.add([pair(one)])
        together.add([pair(one)])
    assert together.evidence() == alone.evidence()


def test_the_pairs_of_a_group_are_one_unit() -> None:
    found = Tally(margin=0.1, alpha=0.05)
    found.add([pair(1.0), pair(0.0), pair(None, why="incumbent failed")])
    alone = tally(0.5)
    assert (found.units, found.n, found.uncounted) == (1, 2, {"incumbent failed": 1})
    assert found.evidence().log_e_replaces == alone.evidence().log_e_replaces


def test_a_large_group_draws_the_difference_out_of_its_interval_no_more_than_a_small_one() -> None:
    found = Tally(margin=0.1, alpha=0.05)
    found.add([pair(-1.0)] * 50)
    for _ in range(60):
        found.add([pair(1.0)])
    evidence = found.evidence()
    assert evidence.difference == pytest.approx(59 / 61)
    assert evidence.low < 59 / 61 < evidence.high
    assert (evidence.units, evidence.wins, evidence.losses) == (61, 60, 50)


def test_failures_stand_in_the_way_whatever_the_test_says() -> None:
    found = Candidacy("b/one", margin=0.1, alpha=0.05)
    for at in range(100):
        found.add([pair(-1.0, failed="candidate" if at < 6 else "")])
    terms = msgspec.structs.replace(TERMS, candidates=("b/one",))
    assert sure_of(terms, {"b/one": found.whole}) == {"b/one": "does not replace"}
    (decision,) = decisions(terms, [found], 0, {}).values()
    assert decision.decision == "undecided"
    assert decision.reason == "`b/one` failed to answer 6 of 100 cases (broken), and at most 5% may fail."


def test_as_many_as_may_fail_do_not_stand_in_the_way() -> None:
    found = Tally(margin=0.1, alpha=0.05)
    for at in range(100):
        found.add([pair(0.0, failed="candidate" if at < 5 else "")])
    assert obstacle(TERMS, found, "a/one", "b/one") is None


def test_no_verdicts_stand_in_the_way() -> None:
    found = tally(*[1.0] * 89, *[None] * 11)
    assert "no score for 11 of 100 pairs" in str(obstacle(TERMS, found, "a/one", "b/one"))
    assert obstacle(TERMS, tally(*[1.0] * 90, *[None] * 10), "a/one", "b/one") is None


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 400))
def test_it_is_hopeless_only_when_a_faultless_rest_would_not_help(failed: int, fine: int, more: int) -> None:
    found = Tally(margin=0.1, alpha=0.05)
    for at in range(failed + fine):
        found.add([pair(0.0, failed="incumbent" if at < failed else "")])
    units = failed + fine + more
    if is_hopeless(TERMS, found, units):
        for _ in range(more):
            found.add([pair(0.0)])
        assert obstacle(TERMS, found, "a/one", "b/one") is not None


DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), max_size=40)


@given(
    st.lists(st.dictionaries(st.sampled_from("xyz"), DIFFERENCES), min_size=1, max_size=4),
    st.sampled_from([0.01, 0.05, 0.3]),
)
def test_sharing_alpha_never_makes_more_verdicts_than_alone(
    differences: list[dict[str, list[float]]], alpha: float
) -> None:
    names = tuple(f"b/{at}" for at in range(len(differences)))
    terms = msgspec.structs.replace(TERMS, candidates=names, alpha=alpha, margin=0.3)
    candidacies = []
    for name, by_class in zip(names, differences, strict=True):
        one = Candidacy(name, margin=0.3, alpha=alpha, among=len(names))
        for task_class, values in by_class.items():
            for value in values:
                made = pair(value)
                made.case = msgspec.structs.replace(made.case, task_class=task_class)
                one.add([made])
        candidacies.append(one)
    together = {(model, ""): word for model, word in sure_of(terms, wholes(candidacies)).items()}
    alone: dict[tuple[str, str], set[str]] = {}
    for one in candidacies:
        of_classes = sure_of_classes(terms, one.classes, 3)
        together |= {(one.model, name): word for name, word in of_classes.items()}
        alone[one.model, ""] = words_of(one.whole, alpha)
        alone |= {(one.model, name): words_of(tally, alpha) for name, tally in one.classes.items()}
    for where, word in together.items():
        assert word in alone[where]


def wholes(candidacies: list[Candidacy]) -> dict[str, Tally]:
    return {one.model: one.whole for one in candidacies}


def words_of(tally: Tally, alpha: float) -> set[str]:
    """What the test of this tally was ever sure of, were it the only one."""
    highest = {"replaces": tally.most_replaces, "does not replace": tally.most_worse}
    return {word for word, log in highest.items() if log >= math.log(1 / alpha)}
