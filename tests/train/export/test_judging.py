"""From numbers to findings: what is shown, what is refuted, and what nobody can tell."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.stats.sequential import PairedTest
from freehold.train.export.judging import (
    check_agreement,
    check_ends,
    check_merged,
    check_perplexity,
    check_score,
    where_it_went_wrong,
)
from freehold.train.export.proof import Finding, decision_of
from freehold.train.export.told import Probe, Told

MARGIN = 0.05
ALPHA = 0.05


def probes(many: int) -> list[Probe]:
    return [Probe((1, 2), (3, 4), str(place)) for place in range(many)]


def said(many: int, log: float, *, choices: tuple[int, int] = (3, 4)) -> list[Told]:
    return [Told((log, log), choices, (True, True))] * many


@pytest.mark.parametrize(
    ("lost", "holds"), [(0.0, True), (-0.3, True), (math.log(1.04), True), (math.log(1.06), False)]
)
def test_perplexity_may_rise_by_the_margin(lost: float, holds: bool) -> None:
    found = check_perplexity(probes(40), said(40, -0.5), said(40, -0.5 - lost), margin=MARGIN, alpha=ALPHA)
    assert found.holds is holds


@pytest.mark.parametrize("swings", [(0.5, -0.4), (0.5, -0.45)])
def test_a_difference_that_swings_about_the_margin_is_no_evidence(swings: tuple[float, float]) -> None:
    """Whether its mean is a little above what is allowed, or a little below."""
    theirs = [Told((-0.5 - swing,) * 2, (3, 4)) for swing in swings * 10]
    found = check_perplexity(probes(20), said(20, -0.5), theirs, margin=MARGIN, alpha=ALPHA)
    assert found.holds is None and "Too little evidence" in found.told


def test_one_answer_alone_is_no_evidence() -> None:
    assert check_perplexity(probes(1), said(1, -0.5), said(1, -0.5), margin=MARGIN, alpha=ALPHA).holds is None


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_form_that_says_no_number_does_not_pass(value: float) -> None:
    found = check_perplexity(probes(40), said(40, -0.5), said(40, value), margin=MARGIN, alpha=ALPHA)
    assert found.holds is False


def test_other_tokens_count_where_the_trained_model_is_sure() -> None:
    ours = said(100, -0.1)
    assert check_agreement(ours, said(95, -0.1) + said(5, -0.1, choices=(3, 9)), margin=MARGIN).holds is True
    assert (
        check_agreement(ours, said(85, -0.1) + said(15, -0.1, choices=(3, 9)), margin=MARGIN).holds is False
    )
    unsure = [Told(one.logs, one.choices, (False, False)) for one in ours]
    assert check_agreement(unsure, said(100, -0.1, choices=(9, 9)), margin=MARGIN).holds is True


def test_a_score_has_to_be_shown_to_be_as_good() -> None:
    even = PairedTest(margin=MARGIN, alpha=ALPHA)
    even.extend([0.0] * 40)
    found = check_score(even, units=40)
    assert found.holds is None and "more are needed" in found.evidence[0]
    even.extend([0.0] * 60)
    assert check_score(even, units=100).holds is True
    worse = PairedTest(margin=MARGIN, alpha=ALPHA)
    worse.extend([-1.0, 0.0] * 20)
    assert check_score(worse, units=40).holds is False
    assert check_score(PairedTest(margin=MARGIN, alpha=ALPHA), units=0).holds is None


def test_merging_has_no_margin() -> None:
    assert check_merged(said(5, -0.5), said(5, -0.5)).holds is True
    assert check_merged(said(5, -0.5), said(5, -0.52)).holds is False
    assert check_merged([], []).holds is False


def test_answers_that_do_not_end_are_found() -> None:
    assert check_ends(1.0, 0.96, margin=MARGIN).holds is True
    assert check_ends(1.0, 0.9, margin=MARGIN).holds is False
    assert check_ends(0.5, 1.0, margin=MARGIN).holds is True


def test_it_is_told_where_something_was_lost() -> None:
    good, bad = said(10, -0.5), said(10, -2.0)
    forms = [("merged", good), ("exported", good), ("served", bad)]
    assert "lost in serving" in str(where_it_went_wrong(good, forms, margin=MARGIN))  # type: ignore[arg-type]
    forms = [("merged", good), ("exported", bad[:3]), ("served", bad)]
    assert "lost in the file" in str(where_it_went_wrong(good, forms, margin=MARGIN))  # type: ignore[arg-type]
    forms = [("merged", bad), ("exported", bad), ("served", bad)]
    assert "lost in merging" in str(where_it_went_wrong(good, forms, margin=MARGIN))  # type: ignore[arg-type]
    assert where_it_went_wrong(good, [("served", good)], margin=MARGIN) is None


@given(st.lists(st.sampled_from([True, False, None]), max_size=6))
def test_one_finding_is_enough_to_refuse(holds: list[bool | None]) -> None:
    findings = tuple(Finding(check="x", holds=one, told="") for one in holds)
    decision = decision_of(findings)
    assert (decision == "refused") is (False in holds)
    assert (decision == "passes") is all(one is True for one in holds)
