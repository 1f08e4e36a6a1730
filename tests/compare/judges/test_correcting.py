"""What a check makes of the pairs of a comparison."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.judges.checking import JudgeCheck, Judged
from freehold.compare.judges.correcting import JudgedPair, correct, decides
from freehold.compare.judges.deciding import decide, decide_classes, why_withdrawn
from freehold.compare.judges.settings import JudgeKind
from freehold.compare.stats.correction import Corrected, Uncorrectable

SUITE = "5" * 64
OLD, NEW = "acme/old", "beta/new"


def check_of(kind: JudgeKind, judged: list[Judged], sample_of: str | None = SUITE) -> JudgeCheck:
    return JudgeCheck(
        id="check_1",
        scorer="a" * 64,
        kind=kind,
        judge="other/judge",
        labels="b" * 64,
        file="labels.jsonl",
        sample_of=sample_of,
        complete=True,
        judged=tuple(judged),
    )


def one(case: str, model: str, people: float, judge: float | None) -> Judged:
    return Judged(case=case, models=(model,), people=people, judge=judge)


def both(case: str, people: float, judge: float | None, *, swapped: bool = False) -> Judged:
    side = -1 if swapped else 1
    return Judged(
        case=case,
        models=(NEW, OLD) if swapped else (OLD, NEW),
        people=side * people,
        judge=None if judge is None else side * judge,
    )


def corrected(pairs: list[JudgedPair], check: JudgeCheck) -> Corrected:
    return correct(pairs, check, incumbent=OLD, candidate=NEW, suite_hash=SUITE, alpha=0.05)


def world(n: int, labels: int, *, sample: bool = True) -> tuple[list[JudgedPair], JudgeCheck]:
    """People: 0.8 against 0.5. The judge finds everything good that the candidate says, but a fifth."""
    chance = np.random.default_rng(n + labels)
    pairs, judged = [], []
    for number in range(n):
        old, new = float(chance.random() < 0.8), float(chance.random() < 0.5)
        liked = 1.0 if new else float(chance.random() < 0.6)
        case = f"c{number}"
        pairs.append(JudgedPair(case=case, difference=liked - old, incumbent=old, candidate=liked))
        if number < labels:
            told = case if sample else f"elsewhere {number}"
            judged += [one(told, OLD, old, old), one(told, NEW, new, liked)]
    return pairs, check_of("rubric-judge", judged, SUITE if sample else None)


def test_labels_of_the_suite_decide_and_others_do_not() -> None:
    _, of_suite = world(400, 120)
    _, elsewhere = world(400, 120, sample=False)
    assert decides(of_suite, incumbent=OLD, candidate=NEW, suite_hash=SUITE)
    assert not decides(of_suite, incumbent=OLD, candidate=NEW, suite_hash="6" * 64)
    assert not decides(of_suite, incumbent=OLD, candidate="beta/other", suite_hash=SUITE)
    assert not decides(elsewhere, incumbent=OLD, candidate=NEW, suite_hash=SUITE)
    unfinished = msgspec.structs.replace(of_suite, complete=False)
    assert not decides(unfinished, incumbent=OLD, candidate=NEW, suite_hash=SUITE)
    with pytest.raises(Uncorrectable, match="did not come to its end"):
        corrected(world(400, 120)[0], unfinished)


@pytest.mark.parametrize(("sample", "method"), [(True, "prediction-powered"), (False, "error rates")])
def test_the_estimate_is_brought_to_what_people_say(sample: bool, method: str) -> None:
    pairs, check = world(600, 150, sample=sample)
    found = corrected(pairs, check)
    assert found.method == method
    assert found.raw == pytest.approx(0.0, abs=0.06)
    assert found.difference == pytest.approx(-0.3, abs=0.12)
    assert found.low < -0.3 < found.high < -0.05


def test_labelled_cases_are_not_counted_twice() -> None:
    pairs, check = world(150, 150)
    found = corrected(pairs, check)
    people = [
        two.people - first.people for first, two in zip(check.judged[::2], check.judged[1::2], strict=True)
    ]
    assert found.weight == 0.0  # there is nothing that only the judge has seen
    assert found.difference == pytest.approx(float(np.mean(people)))


def test_which_model_was_named_first_does_not_matter() -> None:
    chance = np.random.default_rng(0)
    values = [(float(chance.choice([-1, 0, 1])), float(chance.choice([-1, 1]))) for _ in range(40)]
    straight = [both(f"c{n}", people, judge) for n, (people, judge) in enumerate(values)]
    swapped = [both(f"c{n}", people, judge, swapped=n % 2 == 0) for n, (people, judge) in enumerate(values)]
    pairs = [JudgedPair(case=f"d{number}", difference=1.0) for number in range(50)]
    one_way, other = (corrected(pairs, check_of("pairwise-judge", made)) for made in (straight, swapped))
    assert one_way.difference == pytest.approx(other.difference)
    assert one_way.high == pytest.approx(other.high)


def test_pairs_are_corrected_by_how_often_each_model_is_favoured_in_error() -> None:
    """The judge sees nine of ten wins of the candidate, and half of the incumbent's."""
    judged = [both(f"w{n}", 1.0, 1.0 if n % 10 else -1.0) for n in range(100)]
    judged += [both(f"l{n}", -1.0, -1.0 if n % 2 else 1.0) for n in range(100)]
    pairs = [JudgedPair(case=f"c{n}", difference=1.0 if n % 10 < 7 else -1.0) for n in range(500)]
    found = corrected(pairs, check_of("pairwise-judge", judged, None))
    share = (0.7 + 0.5 - 1) / (0.5 + 0.9 - 1)
    assert found.difference == pytest.approx(2 * share - 1)
    assert found.raw == pytest.approx(0.4)


def spoilt(check: JudgeCheck, spoil: Callable[[Judged], Judged | None]) -> JudgeCheck:
    judged = tuple(made for made in map(spoil, check.judged) if made is not None)
    return msgspec.structs.replace(check, judged=judged)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda it: None if it.models == (NEW,) else it, f"no answer of `{NEW}` was labelled"),
        (lambda it: msgspec.structs.replace(it, people=0.5), "graded"),
        (lambda it: msgspec.structs.replace(it, people=1.0), "each takes 4 at least"),
        (lambda it: msgspec.structs.replace(it, judge=1.0), "cannot tell good from bad"),
        (lambda it: msgspec.structs.replace(it, judge=None), "no answer of"),
    ],
)
def test_what_error_rates_cannot_be_had_from_is_said(
    spoil: Callable[[Judged], Judged | None], said: str
) -> None:
    pairs, check = world(200, 60, sample=False)
    with pytest.raises(Uncorrectable, match=said):
        corrected(pairs, spoilt(check, spoil))


def test_what_people_call_a_tie_is_no_plain_label() -> None:
    judged = [both(f"c{n}", float(n % 3 - 1), float(n % 2 * 2 - 1)) for n in range(60)]
    pairs = [JudgedPair(case="d", difference=1.0)]
    with pytest.raises(Uncorrectable, match="called some a tie"):
        corrected(pairs, check_of("pairwise-judge", judged, None))
    assert corrected(pairs, check_of("pairwise-judge", judged)).method == "prediction-powered"


@pytest.mark.parametrize("sample", [True, False])
def test_answers_that_failed_count_as_they_are(sample: bool) -> None:
    pairs, check = world(600, 150, sample=sample)
    failed = [JudgedPair(case=f"f{n}", difference=-1.0, incumbent=1.0, failed=True) for n in range(200)]
    without, found = corrected(pairs, check), corrected(pairs + failed, check)
    assert found.difference == pytest.approx(0.75 * without.difference - 0.25)
    assert found.raw == pytest.approx(0.75 * without.raw - 0.25)
    assert found.low < found.difference < found.high
    with pytest.raises(Uncorrectable, match="answered nothing"):
        corrected(failed, check)
    with pytest.raises(Uncorrectable, match="no pair counts"):
        corrected([], check)


def test_the_verdict_is_what_the_interval_says() -> None:
    pairs, check = world(600, 150)
    found = corrected(pairs, check)
    assert decide(found, margin=0.03, alpha=0.05)[0] == "does not replace"
    assert decide(found, margin=0.6, alpha=0.05)[0] == "replaces"
    edge = -found.difference
    assert decide(found, margin=edge, alpha=0.05)[0] == "undecided"


def test_a_verdict_is_withdrawn_only_where_the_correction_speaks_against_it() -> None:
    pairs, check = world(600, 150, sample=False)
    found = corrected(pairs, check)
    assert "speaks against that" in (why_withdrawn("replaces", found, margin=0.03, alpha=0.05) or "")
    assert why_withdrawn("does not replace", found, margin=0.03, alpha=0.05) is None
    assert why_withdrawn("undecided", found, margin=0.03, alpha=0.05) is None
    assert why_withdrawn("replaces", found, margin=-found.difference, alpha=0.05) is None
    assert "speaks against that" in (why_withdrawn("does not replace", found, margin=0.8, alpha=0.05) or "")


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=1),
        st.tuples(st.floats(-1, 1), st.floats(0.001, 0.5), st.integers(9, 60)),
        max_size=6,
    ),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.05, 0.2]),
)
def test_a_class_among_others_is_never_surer_than_alone(
    classes: dict[str, tuple[float, float, int]], more: int, margin: float
) -> None:
    found = {
        name: Corrected(
            difference=difference,
            raw=0.0,
            low=-1.0,
            high=1.0,
            alpha=0.05,
            standard_error=error,
            method="prediction-powered",
            interval="formula",
            labels=degrees + 1,
            degrees=float(degrees),
        )
        for name, (difference, error, degrees) in classes.items()
    }
    together = decide_classes(found, len(found) + more, margin=margin, alpha=0.05)
    assert set(together) == set(found)
    for name, (decision, _) in together.items():
        assert decision in ("undecided", decide(found[name], margin=margin, alpha=0.05)[0])
    if len(found) == 1 and not more:
        assert together == {name: decide(one, margin=margin, alpha=0.05) for name, one in found.items()}


def test_labels_of_a_class_are_what_its_pairs_are_corrected_with() -> None:
    """In one class the judge leans to the candidate, in the other to nobody."""
    chance = np.random.default_rng(5)
    pairs: dict[str, list[JudgedPair]] = {"leant": [], "fair": []}
    people: dict[str, list[float]] = {"leant": [], "fair": []}
    judged = []
    for number in range(600):
        name = "leant" if number % 2 else "fair"
        old, new = float(chance.random() < 0.7), float(chance.random() < 0.5)
        liked = 1.0 if name == "leant" else new
        people[name].append(new - old)
        pairs[name].append(
            JudgedPair(case=f"{name} {number}", difference=liked - old, incumbent=old, candidate=liked)
        )
        if number < 160:
            judged += [one(f"{name} {number}", OLD, old, old), one(f"{name} {number}", NEW, new, liked)]
    check = check_of("rubric-judge", judged)
    for name, raw in (("leant", 0.3), ("fair", -0.2)):
        within = {made.case for made in judged if made.case.startswith(name)}
        found = correct(
            pairs[name], check, incumbent=OLD, candidate=NEW, suite_hash=SUITE, alpha=0.05, within=within
        )
        assert (found.method, found.labels) == ("prediction-powered", 80)
        assert found.raw == pytest.approx(raw, abs=0.1)
        assert found.difference == pytest.approx(float(np.mean(people[name])), abs=0.1)
        assert found.low < float(np.mean(people[name])) < found.high
