"""Making a router of labels: what it takes, what is left out, and what is said when there is not enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routers import labels_of

from freehold.core.errors import BadRequest
from freehold.rollout.routers.evidence import Label
from freehold.rollout.routers.fitting import Fitted, Missing, Wanted, candidates_of, fit
from freehold.routing.learned.promise import Promise

DEAR, CHEAP = "one/dear", "two/cheap"
COSTS = {DEAR: 0.01, CHEAP: 0.001}


def labels(many: int, *, unit: int = 1) -> list[Label]:
    """`unit`: how many hang together."""
    prompts, worse = labels_of(many)
    rows = enumerate(zip(prompts, worse[:, 0], strict=True))
    return [Label(text, f"u{at // unit}", {CHEAP: -float(bad)}) for at, (text, bad) in rows]


def wanted(risk: float = 0.1) -> Wanted:
    return Wanted(route="chat", incumbent=DEAR, promise=Promise(risk), source="suite words", made_us=5)


def test_a_router_is_certified_by_labels_that_did_not_teach_it() -> None:
    found = fit(labels(600), COSTS, wanted())
    assert isinstance(found, Fitted)
    certificate = found.about.certificate
    assert (certificate.trained, certificate.certified) == (300, 300)
    assert found.about.models == found.about.chosen == (CHEAP,)
    assert certificate.saving == pytest.approx(0.9 * certificate.share)
    assert certificate.best_drawn is not None and certificate.best_drawn.saving < certificate.saving
    assert certificate.best_single is None
    assert sum(found.about.seen.counts) == 300
    assert len(found.about.seen.counts) == len(found.about.seen.edges) + 1


@pytest.mark.parametrize(("risk", "fewest"), [(0.1, 40), (0.05, 80), (0.02, 200)])
def test_with_too_few_labels_it_says_how_many_are_missing(risk: float, fewest: int) -> None:
    least = 2 * max(fewest, 50)
    for there in (0, 1, 30, least - 10):
        found = fit(labels(there), COSTS, wanted(risk))
        assert isinstance(found, Missing)
        assert found.labels == there and found.missing == least - there
    enough = fit(labels(least + 2), COSTS, wanted(risk))
    assert isinstance(enough, Fitted) or enough.missing is None or enough.missing > 0


def test_where_no_label_would_help_it_says_so() -> None:
    always = [Label(f"question {at}", f"u{at}", {CHEAP: -1.0}) for at in range(400)]
    found = fit(always, COSTS, wanted())
    assert isinstance(found, Missing) and found.missing is None


def test_questions_that_hang_together_certify_once() -> None:
    found = fit(labels(600, unit=4), COSTS, wanted())
    assert isinstance(found, Fitted)
    assert found.about.certificate.certified == 75
    assert found.about.certificate.trained == 300


def test_the_same_question_does_not_teach_and_certify() -> None:
    """A router that knows its questions by heart is certified by none."""
    same = [Label(f"question {at % 5}", f"u{at}", {CHEAP: 0.0}) for at in range(400)]
    found = fit(same, COSTS, wanted())
    assert isinstance(found, Missing) and found.labels == 5


def test_a_model_whose_cost_nobody_knows_is_an_error() -> None:
    with pytest.raises(BadRequest, match="Nobody knows what `two/cheap` costs"):
        fit(labels(300), {DEAR: 0.01}, wanted())
    with pytest.raises(BadRequest, match=r"None of the models .* is cheaper"):
        fit(labels(300), {DEAR: 0.01, CHEAP: 0.02}, wanted())


def test_models_with_few_labels_do_not_cost_the_others_theirs() -> None:
    some = [Label("a", "1", {CHEAP: 0.0}), Label("b", "2", {CHEAP: 0.0}), Label("c", "3", {"three/x": 0.0})]
    some.append(Label("d", "4", {CHEAP: 0.0}))
    assert candidates_of(some, {**COSTS, "three/x": 0.0001}, DEAR) == (CHEAP,)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), max_size=60))
def test_no_unit_and_no_question_is_on_both_sides(rows: list[tuple[str, str]]) -> None:
    from freehold.rollout.routers.fitting import _drawn  # noqa: PLC0415 - what no one outside can see

    drawn = _drawn([Label(text, unit, {}) for text, unit in rows], 0)
    assert len(drawn) == len(rows)
    by_prompt: dict[str, str] = {}
    for one in drawn:
        assert by_prompt.setdefault(one.prompt, one.unit) == one.unit
