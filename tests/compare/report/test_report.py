"""What a report says of a comparison that was run by the real code, with models that are made up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import (
    CHEAP,
    CLASSES,
    CLOSE,
    INCUMBENT,
    JUDGE,
    MODELS,
    TERMS,
    TRAFFIC,
    Compared,
    cases,
    compared,
)

from freehold.compare.archive import PairRow
from freehold.compare.case import Case, ScorerSettings, unaskable
from freehold.compare.report.asked import MOST, conversation_of, shortened
from freehold.compare.report.money import BothPaid, saving_of, with_frontier
from freehold.compare.report.page import page_of
from freehold.compare.report.report import Cost, Report, Traffic
from freehold.compare.report.telling import Choice
from freehold.compare.report.wording import dollars


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    with compared(tmp_path_factory.mktemp("report")) as found:
        yield found


@pytest.fixture(scope="module")
def report(done: Compared) -> Report:
    return done.report()


def test_the_end_of_the_course_is_what_the_verdict_says(report: Report) -> None:
    for course in report.courses:
        verdict = report.of(course.candidate)
        assert verdict is not None
        last, evidence = course.steps[-1], verdict.evidence
        assert last.n == evidence.units
        assert last.difference == pytest.approx(evidence.difference)
        assert (last.low, last.high) == pytest.approx((evidence.low, evidence.high))
        assert course.decision == verdict.decision
        assert [step.n for step in course.steps] == sorted({step.n for step in course.steps})


def test_units_are_what_is_counted_where_cases_hang_together(tmp_path: Path) -> None:
    grouped = [
        msgspec.structs.replace(case, group=f"talk-{number // 3}") for number, case in enumerate(cases(90))
    ]
    with compared(tmp_path, of=grouped, terms=msgspec.structs.replace(TERMS, candidates=(CLOSE,))) as found:
        report = found.report()
    (verdict,) = [one for one in report.verdicts if not one.task_class]
    assert verdict.evidence.n == 90
    assert report.courses[0].steps[-1].n == verdict.evidence.units == 30
    assert report.courses[0].steps[-1].low == pytest.approx(verdict.evidence.low)


def test_verdicts_come_in_the_order_of_the_candidates_and_the_one_over_everything_first(
    report: Report,
) -> None:
    named = [(one.candidate, one.task_class) for one in report.verdicts]
    assert named == [(model, name) for model in (CLOSE, CHEAP) for name in ("", *sorted(CLASSES))]


def test_costs_are_means_over_the_answers_that_count(done: Compared, report: Report) -> None:
    pairs = [row for rows in done.archive.pairs(report.comparison, CLOSE) for row in rows]
    answers = done.archive.answers([row.candidate_answer for row in pairs])
    costs = [one.cost for one in answers.values() if one.cost is not None]
    found = {one.model: one for one in report.costs}
    assert found[CLOSE].each == sum(costs) / len(costs)
    assert found[CLOSE].answers == len(pairs)
    # Both candidates were asked the same first cases: the incumbent's answers to them are counted once.
    assert found[INCUMBENT].answers == max(found[CLOSE].answers, found[CHEAP].answers)
    assert found[INCUMBENT].difference == 0.0
    assert [one.model for one in report.costs] == [INCUMBENT, CLOSE, CHEAP]


def test_latencies_are_of_answers_that_came(done: Compared, report: Report) -> None:
    latency = {one.model: one for one in report.latencies}
    verdict = report.of(CLOSE)
    assert verdict is not None
    assert latency[CLOSE].n == verdict.evidence.n - verdict.evidence.failures["candidate"]
    assert verdict.evidence.failures["candidate"] > 0
    for one in report.latencies:
        shares = [share for _, share in one.shares]
        took = [seconds for seconds, _ in one.shares]
        assert (shares[0], shares[-1]) == (0.0, 1.0)
        assert took == sorted(took)
        assert took[0] <= one.median_s <= one.p90_s <= one.p99_s <= took[-1]


def test_losses_are_counted_by_answers(report: Report) -> None:
    (lost,) = report.losses
    assert (lost.model, lost.loss) == (CLOSE, MODELS[CLOSE].losses[0])
    assert 0 < lost.answers < lost.of


def test_twenty_cases_tell_and_every_class_and_direction_is_among_them(report: Report) -> None:
    assert len(report.telling) == 20
    assert {one.task_class for one in report.telling} == set(CLASSES)
    assert {one.candidate for one in report.telling} == {CLOSE, CHEAP}
    assert {one.difference > 0 for one in report.telling} == {True, False}
    assert len({(one.candidate, one.case) for one in report.telling}) == 20
    for one in report.telling:
        assert one.difference != 0
        assert (
            one.other.score is None
            or one.incumbent.score is None
            or one.difference == (one.other.score - one.incumbent.score)
        )
        assert [said.role for said in one.asked] == ["system", "user"]
        assert json.loads(one.target).startswith("The handbook says")
        assert one.incumbent.call_id in report.calls
        assert [mark.kind for mark in one.incumbent.marks] == ["exact"]


def test_scorers_are_told_with_their_means(report: Report) -> None:
    (scorer,) = report.suite.scorers
    verdict = report.of(CLOSE)
    assert verdict is not None
    assert scorer.kind == "exact"
    assert len(scorer.hash) == 64
    failed = verdict.evidence.failures["candidate"]
    counted = verdict.evidence.n - failed  # what failed has no marks, and scores 0 in the pairs
    assert verdict.evidence.candidate_mean is not None
    assert scorer.means[CLOSE] * counted / verdict.evidence.n == pytest.approx(
        verdict.evidence.candidate_mean
    )


def test_a_report_is_json_and_comes_back_the_same(report: Report) -> None:
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_every_call_is_named_once(done: Compared, report: Report) -> None:
    assert len(set(report.calls)) == len(report.calls)
    expected: set[str | None] = set()
    for candidate in report.terms.candidates:
        for rows in done.archive.pairs(report.comparison, candidate):
            ids = [one for row in rows for one in (row.incumbent_answer, row.candidate_answer)]
            expected |= {one.call_id for one in done.archive.answers(ids).values()}
    assert set(report.calls) == expected


def test_a_pairwise_judge_is_told_with_what_it_said_and_its_calls(tmp_path: Path) -> None:
    judge = ScorerSettings(kind="pairwise-judge", settings=msgspec.Raw(json.dumps({"model": JUDGE}).encode()))
    terms = msgspec.structs.replace(TERMS, candidates=(CHEAP,))
    with compared(tmp_path, of=list(cases(60)), terms=terms, scorers=(judge,)) as found:
        report = found.report()
        rows = [row for rows in found.archive.pairs(report.comparison, CHEAP) for row in rows]
        scores = found.archive.known_scores([row.candidate_answer for row in rows]).values()
    (told,) = report.judges
    assert (told.kind, told.model, told.checked) == ("pairwise-judge", JUDGE, "")
    assert {call for one in scores for call in one.call_ids} <= set(report.calls)
    assert any(one.call_ids for one in scores)
    for one in report.telling:
        (mark,) = one.marks
        assert mark.kind == "pairwise-judge"
        assert mark.value == one.difference
        assert one.incumbent.score is one.other.score is None
    page = page_of(report)
    assert "Nobody has checked this judge against people" in page
    assert "Only one is from the handbook." in page
    # There are no mean scores where only pairs are judged, and a difference all the same.
    assert report.suite.scorers[0].means == {}
    assert next(one for one in report.costs if one.model == CHEAP).difference == pytest.approx(
        sum(row.difference or 0 for row in rows) / len(rows)
    )


def test_the_arithmetic_of_a_month() -> None:
    both = BothPaid()
    both.add(Decimal("0.02"), Decimal("0.005"))
    both.add(Decimal("0.04"), None)  # left out on both sides: it would compare different cases
    traffic = Traffic(route="r", model="a/b", days=15, calls=1000, unpriced=200, cost=Decimal(80))
    saving = saving_of("c/d", traffic, both)
    assert saving is not None
    assert saving.month_calls == 2000
    assert saving.month_cost == Decimal(200)  # 80 for 800 calls: 0.10 each
    assert saving.ratio == Decimal("0.25")
    assert saving.month_cost_then == Decimal(50)
    assert saving.saved == Decimal(150)
    assert saving_of("c/d", msgspec.structs.replace(traffic, cost=None), both) is None
    assert saving_of("c/d", traffic, BothPaid()) is None


def test_without_traffic_nothing_is_saved(done: Compared) -> None:
    assert done.report(traffic=None).savings == ()
    assert {one.candidate for one in done.report(traffic=TRAFFIC).savings} == {CLOSE, CHEAP}


_costs = st.lists(
    st.tuples(
        st.none() | st.integers(0, 5).map(Decimal), st.none() | st.sampled_from([-0.5, -0.1, 0.0, 0.2])
    ),
    max_size=8,
)


@given(_costs)
def test_nobody_on_the_frontier_is_beaten_and_everybody_else_is(
    costs: list[tuple[Decimal | None, float | None]],
) -> None:
    given_costs = [
        Cost(model=str(at), answers=1, unknown=0, each=each, difference=difference)
        for at, (each, difference) in enumerate(costs)
    ]
    known = [one for one in with_frontier(given_costs) if one.each is not None and one.difference is not None]
    assert not known or any(one.frontier for one in known)
    for one in known:
        beaten = any(
            (-(other.difference or 0), other.each) != (-(one.difference or 0), one.each)
            and (other.difference or 0) >= (one.difference or 0)
            and (other.each or 0) <= (one.each or 0)
            for other in known
        )
        assert one.frontier == (not beaten)
    assert not any(one.frontier for one in with_frontier(given_costs) if one.each is None)


def _row(position: int, difference: float | None, candidate: str = "c/d") -> PairRow:
    return PairRow(candidate, position, position, f"case-{position}", "old", "new", difference, None)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.none() | st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]))
    ),
    st.integers(1, 6),
)
def test_what_is_chosen_differs_by_most_in_its_class_and_none_crowds_out_another(
    pairs: list[tuple[str, float | None]], many: int
) -> None:
    choice = Choice(many)
    for position, (task_class, difference) in enumerate(pairs):
        choice.see(_row(position, difference), task_class)
    chosen = choice.chosen()
    differing = [(name, difference) for name, difference in pairs if difference]
    assert len(chosen) == min(many, len(differing))
    kinds = Counter((name, difference > 0) for name, difference in differing)
    taken = Counter((one.task_class, (one.row.difference or 0) > 0) for one in chosen)
    most = max(taken.values(), default=0)
    for kind, there in kinds.items():
        assert taken[kind] >= min(there, most - 1)
        sizes = sorted((abs(d) for name, d in differing if (name, d > 0) == kind), reverse=True)
        shown = sorted(
            (
                abs(one.row.difference or 0)
                for one in chosen
                if (one.task_class, (one.row.difference or 0) > 0) == kind
            ),
            reverse=True,
        )
        assert shown == sizes[: len(shown)]


def test_long_texts_are_cut_and_say_how_much_is_missing() -> None:
    assert shortened("a" * MOST) == "a" * MOST
    assert shortened("a" * (MOST + 1234)).endswith("a\n[… 1,234 more characters]")


def test_every_kind_of_content_is_told_as_text() -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    request = {
        "messages": [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": None, "tool_calls": [1]},
        ],
        "tools": [{"type": "function", "function": {"name": "look"}}, {"type": "other"}],
    }
    said = conversation_of(Case(id="1", request=msgspec.Raw(json.dumps(request).encode())))
    assert [(one.role, one.text) for one in said] == [
        ("user", "What is this?\n(image_url that is not text)"),
        ("assistant", "(calls a tool) 1"),
        ("tools", "look, (without a name)"),
    ]
    assert conversation_of(Case(id="1", request=unaskable("suite", "1"))) == ()


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        ("0", "$0.00"),
        ("1204.5", "$1,204.50"),
        ("0.5", "$0.50"),
        ("0.00041249", "$0.000412"),
        ("0.9996", "$1.00"),
        ("-3", "-$3.00"),
    ],
)
def test_dollars(amount: str | None, text: str) -> None:
    assert dollars(None if amount is None else Decimal(amount)) == text
