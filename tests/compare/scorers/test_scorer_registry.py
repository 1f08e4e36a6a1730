"""Scorers as suites name them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scoring import answer_of, case_of, scorer, value

from freehold.compare.case import ScorerSettings
from freehold.compare.judges.settings import read_settings
from freehold.compare.scorers.registry import kinds, scorer_of
from freehold.core.errors import BadRequest


def test_there_is_a_scorer_for_each_kind() -> None:
    hashes = {scorer(kind).hash for kind in kinds()}
    assert len(hashes) == len(kinds()) >= 12
    assert all(len(one) == 64 for one in hashes)


@pytest.mark.parametrize(
    ("kind", "settings", "message", "hint"),
    [
        ("exakt", {}, "There is no scorer `exakt`.", "Did you mean `exact`?"),
        ("Numeric", {}, "There is no scorer `Numeric`.", "Did you mean `numeric`?"),
        ("judg", {}, "There is no scorer `judg`.", "Did you mean `judge`?"),
        ("exact", {"trimm": True}, "The scorer `exact` has no setting `trimm`.", "Did you mean `trim`?"),
        ("numeric", {"zzz": 1}, "The scorer `numeric` has no setting `zzz`.", "It has `take`, "),
        ("numeric", {"tolerance": -1}, "The settings of the scorer `numeric`: ", "None"),
        ("numeric", {"tolerance": "0.1"}, "The settings of the scorer `numeric`: ", "None"),
        ("python-tests", {"seconds": 0}, "The settings of the scorer `python-tests`: ", "None"),
        ("python-tests", {"second": 5}, "has no setting `second`", "Did you mean `seconds`?"),
    ],
)
def test_mistakes_are_told_with_what_may_have_been_meant(
    kind: str, settings: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        scorer_of(
            ScorerSettings(kind=kind, settings=msgspec.Raw(msgspec.json.encode(settings))), others=("judge",)
        )
    assert message in refused.value.message
    assert hint in str(refused.value.hint)


@pytest.mark.parametrize("raw", [b"[]", b"5", b"{", b""])
def test_settings_that_are_no_object_are_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="The settings of the scorer `exact`"):
        scorer_of(ScorerSettings(kind="exact", settings=msgspec.Raw(raw)))


def test_the_hash_is_what_decides_over_scores_and_nothing_else() -> None:
    assert scorer("numeric").hash == scorer("numeric", tolerance=0, take="auto").hash
    assert scorer("numeric").hash != scorer("numeric", tolerance=0.1).hash
    assert scorer("chrf").hash != scorer("rouge-l").hash
    first = ScorerSettings(kind="numeric", settings=msgspec.Raw(b'{"take":"last","tolerance":1}'))
    second = ScorerSettings(kind="numeric", settings=msgspec.Raw(b'{ "tolerance": 1.0, "take": "last" }'))
    assert scorer_of(first).hash == scorer_of(second).hash
    # How many are run at once, and under which guard, is no matter of right and wrong.
    assert scorer("python-tests").hash == scorer("python-tests", processes=3, unguarded=["files"]).hash
    assert scorer("python-tests").hash != scorer("python-tests", seconds=3).hash


QUICK: dict[str, tuple[object, Any]] = {
    "exact": ("Paris", answer_of("Paris")),
    "normalised": ("Paris", answer_of("paris.")),
    "numeric": (18, answer_of("So she has 18 left.")),
    "choice": ("B", answer_of("B")),
    "regex": (r"\bcat\b", answer_of("the cat sat")),
    "tool-call": ([{"name": "f", "arguments": {"x": 1}}], answer_of("", ("f", {"x": 1}))),
}


@pytest.mark.parametrize("kind", QUICK)
def test_small_answers_are_scored_quickly(kind: str, show: Callable[[str], None]) -> None:
    target, answer = QUICK[kind]
    one, case, rounds = scorer(kind), case_of(target), 4000

    async def run() -> float:
        begun = time.process_time()
        for _ in range(rounds):
            assert (await one.score(case, answer)).value == 1
        return rounds / (time.process_time() - begun)

    best = max(asyncio.run(run()) for _ in range(3))
    show(f"{kind}: {best:,.0f} answers/s")
    assert best > 20_000


TARGETS: dict[str, tuple[object, dict[str, Any]]] = {
    "exact": ("Paris", {}),
    "normalised": ("Paris", {"where": "anywhere"}),
    "numeric": (18, {}),
    "choice": ("B", {}),
    "regex": ("[a-z]+\\d", {}),
    "json-schema": ({"anyOf": [{"const": [1]}, {"type": "object"}]}, {"fence": "allowed"}),
    "tool-call": (
        [{"name": "f", "arguments": {"x": [1, {"y": None}]}}],
        {"any_order": True, "loose_text": True},
    ),
    "instructions": (
        [
            *(
                {"id": "detectable_format:title"},
                {"id": "detectable_content:number_placeholders", "num_placeholders": 1},
            ),
            *({"id": "detectable_content:postscript"}, {"id": "change_case:english_capital"}),
            {"id": "length_constraints:number_sentences", "num_sentences": 3},
            {"id": "length_constraints:number_paragraphs", "num_paragraphs": 3},
            {"id": "detectable_format:number_highlighted_sections", "num_highlights": 1},
            {"id": "detectable_format:number_bullet_lists", "num_bullets": 1},
            {"id": "detectable_format:multiple_sections", "section_spliter": "Section", "num_sections": 1},
            {"id": "change_case:capital_word_frequency", "capital_frequency": 1},
        ],
        {"credit": "share", "loose": True},
    ),
    "chrf": ("Paris", {}),
    "rouge-l": ("Paris", {}),
    "token-f1": ("Paris", {}),
}


def test_every_kind_that_reads_answers_is_tried_on_anything() -> None:
    apart = {"python-tests", "recorded"}  # the first is run elsewhere, the second reads no answer
    assert set(TARGETS) == set(kinds()) - apart


@pytest.mark.parametrize("kind", TARGETS)
@limits(deadline=None)
@given(text=st.text(), calls=st.lists(st.tuples(st.sampled_from("fg"), st.text()), max_size=3))
def test_any_answer_has_a_score(kind: str, text: str, calls: list[tuple[str, str]]) -> None:
    target, settings = TARGETS[kind]
    told = value(kind, target, answer_of(text, *calls), **settings)
    assert told is not None
    assert 0 <= told <= 1


HOSTILE = [
    *("answer " * 8000, "The answer is " * 4000, "(" * 50000, "**" * 25000, "A or " * 10000, "B, " * 15000),
    *("<<" + "a" * 50000, "[" + "a" * 50000, "\n" * 50000, "." * 50000 + "x", "a. " * 15000, "*a" * 25000),
    *(
        "`" * 50000,
        "```\n" * 12000,
        "P." * 25000,
        " " * 50000,
        "Section " * 6000,
        "- \n" * 15000,
        "[" * 50000,
    ),
    *(
        "{" * 50000,
        '{"a":' * 500 + "1" + "}" * 500,
        "[" * 900 + "]" * 900,
        "정답은 " * 12000,
        "①" * 50000,
        "a-" * 25000,
    ),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_answers_take_no_time(text: str) -> None:
    for kind, (target, settings) in TARGETS.items():
        begun = time.process_time()
        value(kind, target, answer_of(text, ("f", text)), **settings)
        assert time.process_time() - begun < 1, kind


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        ("exact", b'{"trim":"maybe"}', "`trim`: expected `true` or `false`, got text."),
        ("numeric", b'{"tolerance":"x"}', "`tolerance`: expected a number, got text."),
        ("choice", b'{"unclear":"foo"}', "`unclear`: there are `wrong` and `no verdict`."),
        ("python-tests", b'{"cpu_seconds":0.5}', "`cpu_seconds`: expected a whole number, got a number."),
    ],
)
def test_what_is_wrong_with_a_setting_is_told_in_ordinary_words(
    kind: str, settings: bytes, told: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        scorer_of(ScorerSettings(kind=kind, settings=msgspec.Raw(settings)))
    assert told in refused.value.message


def test_a_judge_is_called_by_provider_and_name() -> None:
    with pytest.raises(BadRequest) as refused:
        read_settings(ScorerSettings(kind="rubric-judge", settings=msgspec.Raw(b'{"model":"gpt4"}')))
    assert "`model`: expected text of the form `provider/name`." in refused.value.message
