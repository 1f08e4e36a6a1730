"""Learning from labels, and what is predicted of texts that were not seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routers import labels_of, prompt, trained
from shared_data import rows_of

from freehold.routing.learned.training import train


def test_it_learns_which_questions_are_answered_worse() -> None:
    prompts, _ = labels_of(200, first=5000)
    predicted = np.array([float(trained().model.predict(one)[0]) for one in prompts])
    hard = np.array([prompt(number)[1] for number in range(5000, 5200)])
    assert predicted[hard].min() > predicted[~hard].max()
    assert predicted[hard].mean() == pytest.approx(0.8, abs=0.15)
    assert predicted[~hard].mean() == pytest.approx(0.02, abs=0.1)


def test_predictions_by_cross_validation_are_like_those_for_new_texts() -> None:
    unseen = trained().unseen[:, 0]
    prompts, _ = labels_of(300, first=9000)
    new = np.array([float(trained().model.predict(one)[0]) for one in prompts])
    assert not np.isnan(unseen).any()
    assert np.quantile(unseen, (0.2, 0.5, 0.9)) == pytest.approx(np.quantile(new, (0.2, 0.5, 0.9)), abs=0.1)


def test_a_model_of_which_less_is_known_is_learned_from_what_is_known() -> None:
    prompts, worse = labels_of(200)
    both = np.hstack([worse, worse])
    both[60:, 1] = np.nan
    made = train(prompts, both)
    assert np.isnan(made.unseen[60:, 1]).all() and not np.isnan(made.unseen[:60]).any()
    hard, easy = made.model.predict(prompts[0]), made.model.predict(prompts[1])
    assert (hard > easy).all()


def test_the_same_labels_make_the_same_model() -> None:
    prompts, worse = labels_of(80)
    one, other = (
        train(prompts, worse, seed=3).model.predict("What is the proof of Fermat?") for _ in range(2)
    )
    assert np.array_equal(one, other)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.booleans()), min_size=1, max_size=12))
def test_any_few_labels_make_a_model(rows: list[tuple[str, bool]]) -> None:
    made = train([text for text, _ in rows], np.array([[float(worse)] for _, worse in rows]))
    assert np.isfinite(made.model.predict("something else"))


def test_on_public_data_it_is_above_the_published_routers_with_500_labels() -> None:
    """One split; `make bench-routing` measures many."""
    from benchmarks.routing.metrics import figures_of  # noqa: PLC0415

    rows = [row for row in rows_of("routellm/mmlu.jsonl.gz") if not row["contaminated"]]
    order = np.random.default_rng(77).permutation(len(rows))
    weak, strong = (
        np.array([float(row[name]) for row in rows]) for name in ("weak_correct", "strong_correct")
    )
    some, test = order[:500], order[500:4000]
    model = train([rows[one]["prompt"] for one in some], (strong - weak)[some][:, None]).model
    wanted = np.array([float(model.predict(rows[one]["prompt"])[0]) for one in test])
    assert figures_of(wanted, weak[test], strong[test]).apgr > 0.603
