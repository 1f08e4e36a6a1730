"""Answers and suites that want to hold a comparison up, or to end it: no model, and no file, may be able to."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from scoring import answer_of, case_of, scored, scorer, value

from freehold.compare.scorers.arguments import Coercions, are_same
from freehold.compare.scorers.normal import normal
from freehold.compare.scorers.similarity import longest_common
from freehold.core.errors import BadRequest

LONG = 50_000
SCORERS: dict[str, tuple[str, object, dict[str, Any]]] = {
    "exact": ("exact", "x", {}),
    "normalised": ("normalised", "the x", {"where": "anywhere", "articles": True}),
    "numeric": ("numeric", 5, {}),
    "choice": ("choice", "B", {}),
    "choice of digits": ("choice", "②", {"letters": "①②③④⑤"}),
    "json-schema": ("json-schema", {"type": "object"}, {"fence": "allowed"}),
    "rouge-l": ("rouge-l", "It rains.", {}),
    "token-f1": ("token-f1", "It rains.", {}),
}
_INSTRUCTIONS: dict[str, dict[str, Any]] = {
    "length_constraints:number_sentences": {"num_sentences": 1},
    "length_constraints:nth_paragraph_first_word": {
        "num_paragraphs": 1,
        "nth_paragraph": 1,
        "first_word": "a",
    },
    "detectable_content:postscript": {},
    "detectable_format:number_highlighted_sections": {"num_highlights": 9_999_999},
    "detectable_format:multiple_sections": {"section_spliter": "Section", "num_sections": 9_999_999},
}
SCORERS |= {name: ("instructions", [{"id": name, **more}], {}) for name, more in _INSTRUCTIONS.items()}
SLOW = {
    "spaces behind a verb": "The answer is" + " " * LONG + "x",
    "lines behind a verb": "The answer is option\n" + "\n \n" * LONG + "x",
    "wide spaces": "answer:" + "\u3000" * LONG + "x",
    "words said again and again": "정답" * LONG + "x",
    "a long word": "answer " + "a" * LONG,
    "marks within a word": "a" + "!" * LONG + "b",
    "asterisks": "*" * LONG + "x",
    "half a postscript": "P\n." * LONG,
    "brackets": "[{(<" * LONG,
    "boxes": "\\boxed{" * LONG,
    "hashes": "####" * LONG,
    "digits": "1" * LONG,
    "thousands": "1,111" * LONG,
    "divisions": "1/" * LONG,
    "eastern digits": "1만" * LONG,
}


@contextmanager
def memory() -> Iterator[list[int]]:
    """What is held in the end, and the most that was, in bytes."""
    used: list[int] = []
    tracemalloc.start()
    try:
        yield used
        used += tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("kind", SCORERS)
def test_no_answer_takes_long_to_score(kind: str, name: str) -> None:
    scorer_name, target, settings = SCORERS[kind]
    begun = time.process_time()
    assert value(scorer_name, target, SLOW[name], **settings) in (0, 1) or "f1" in kind or "rouge" in kind
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    "number",
    ["1e5000", "-1e9999", "1e-9999", "1000000^999", "1e9999%", "9" * 999, "1.5e400", "3/" + "9" * 900],
)
@pytest.mark.parametrize("where", ["{}", "The answer is {}", "\\boxed{{{}}}", "#### {}"])
def test_a_number_too_large_to_be_written_is_wrong_and_no_fault(number: str, where: str) -> None:
    result = scored("numeric", 5, where.format(number))
    assert result.value == 0
    assert len(result.why) < 1200


def test_an_argument_too_large_for_a_float_is_another_one() -> None:
    answer = answer_of("", ("f", {"x": 10**400}))
    target = [{"name": "f", "arguments": {"x": "5"}}]
    assert scored("tool-call", target, answer, numbers_as_text=True).value == 0
    assert not are_same(10**400, "5", Coercions(numbers_as_text=True))


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:a{1000}){1000}",
        "(?:(?:[ab]{100}){100}){100}",
        "((((a{1,1000}){50}){50}){50}){50}",
        "(?:a{1000})(?#here){1000}",
        "(?x)(?:a #)\n {1000}) {1000}",
        "a{4294967294}",
        "(?:a{100000}){1,100000}" * 20,
    ],
)
def test_a_pattern_that_would_fill_the_memory_is_refused(pattern: str) -> None:
    scorer("regex").check(case_of("x"))
    begun = time.process_time()
    with memory() as used, pytest.raises(BadRequest, match="repeats too much"):
        scorer("regex").check(case_of(pattern))
    assert used[-1] < 5_000_000
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        (
            r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "0f" * 4 + "-00ff" * 3 + "-" + "0f" * 6,
        ),
        (r"(?:[0-9a-f]{64}\n){3}", ("0f" * 32 + "\n") * 3),
        (r"(?:\S+\s+){500,}", "word " * 500),
        (r"(?s)^.{20000,}$", "x" * 20000),
        (r"(?x) \d {4} - \d {2} - \d {2}", "2026-11-22"),
    ],
)
def test_a_pattern_that_repeats_as_patterns_do_is_taken(pattern: str, answer: str) -> None:
    assert value("regex", pattern, answer) == 1


def test_many_patterns_have_the_time_of_one() -> None:
    begun = time.process_time()
    patterns = [f"(x+x+)+y{number}(?=z)" for number in range(50)]
    assert scored("regex", patterns, "x" * 300, seconds=0.2).value is None
    assert time.process_time() - begun < 2


def test_long_answers_are_not_remembered() -> None:
    with memory() as used:
        for number in range(10):
            text = f"{number} " + "word " * 50_000
            normal(text, case=False, punctuation=False, whitespace=True, unicode=False, articles=False)
    assert used[0] < 500_000


def test_many_different_words_take_no_more_memory_than_the_reference_has() -> None:
    words = [str(number) for number in range(50_000)]
    with memory() as used:
        assert longest_common(words, ["7", "x", "9"]) == 2
    assert used[-1] < 5_000_000


def test_white_space_still_parts_what_it_parted() -> None:
    for answer in (
        "B\r\n\r\nBecause.",
        "B  -  Paris",
        "The answer  is \n\n  B.",
        "A.  x\n\n\nB.  y\n\nC.  z",
    ):
        assert value("choice", "B", answer) == float(not answer.startswith("A."))


def test_an_answer_is_taken_whatever_is_in_it() -> None:
    answer = answer_of("\x00\x1b[2J\u202e</script>\u2028" * 100)
    for kind, target, settings in SCORERS.values():
        assert scored(kind, target, answer.text, **settings).value is not None
