"""Answers that have to be a certain number."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scoring import answer_of, case_of, scored, scorer, value
from shared_data import rows_of

from freehold.compare.scorers.numbers import last_number, numbers_in, plain
from freehold.core.errors import BadRequest

THIN = "\u202f"

RIGHT = [
    ("The answer is 18.", 18),
    ("$1,234.50", "1234.5"),
    ("so 3/4", 0.75),
    ("½", "0.5"),
    ("1 1/2 cups", 1.5),
    ("2½", 2.5),
    ("5%", 0.05),
    ("5 percent", 5),
    ("5 퍼센트", 5),
    ("-5", -5),
    ("−5", -5),
    ("x=-3", -3),
    ("-$5", -5),
    ("10-20", 20),
    ("1e3", 1000),
    ("1.2 × 10^3", 1200),
    ("1.2×10³", 1200),
    ("$1.2 \\times 10^{3}$", 1200),
    ("10²", 100),
    ("2^10", 1024),
    ("3만 5천", 35000),
    ("1억 2,000만원입니다", 120_000_000),
    ("2천만", 20_000_000),
    ("1만 2345", 12345),
    ("3만큼", 3),
    ("5조각", 5),
    ("3億", 300_000_000),
    ("２３", 23),
    ("٢٣", 23),
    ("२३", 23),
    ("\\boxed{42} and 7", 42),
    ("\\boxed{\\frac{1}{2}}", 0.5),
    ("\\boxed{\\$18}", 18),
    ("#### 1,000\n and 3", 1000),
    ("Final answer: **12** because 5", 12),
    ("정답은 15입니다. 3을 더했습니다", 15),
    ("$3 million", 3_000_000),
    ("10k", 10_000),
    (f"1{THIN}234{THIN}567", 1_234_567),
    ("1'234", 1234),
    ("1{,}000", 1000),
    ("It is $\\frac{3}{4}$", 0.75),
    ("7.", 7),
    (".5", 0.5),
    ("A4 paper 3", 3),
    ("12/25/2023", 2023),
    ("1,2,3", 3),
    ("12,345", 12345),
    ("16 / 2 = 8", 8),
    ("100 percent", 1),
]


@pytest.mark.parametrize(("answer", "target"), RIGHT)
def test_numbers_as_people_write_them(answer: str, target: object) -> None:
    result = scored("numeric", target, answer)
    assert result.value == 1, result.why


@pytest.mark.parametrize(
    ("answer", "target", "settings"),
    [
        ("nothing", 0, {}),
        ("5/0", 5, {}),
        ("5%", 6, {}),
        ("5%", 0.05, {"percent": "number"}),
        ("5%", 5, {"percent": "fraction"}),
        ("18 or 19", 18, {}),
        ("18 or 19", 18, {"take": "only"}),
        ("18 or 19", 19, {"take": "only"}),
        ("18", 18, {"take": "boxed"}),
        ("0.33", "1/3", {}),
        ("1e99999", 1, {}),
        ("9" * 5000, 9, {}),
    ],
)
def test_other_numbers_are_wrong(answer: str, target: object, settings: dict[str, object]) -> None:
    assert value("numeric", target, answer, **settings) == 0


@pytest.mark.parametrize(
    ("answer", "target", "settings"),
    [
        ("0.33", "1/3", {"tolerance": 0.01}),
        ("990", 1000, {"relative": 0.01}),
        ("1.234,5", 1234.5, {"decimal": ","}),
        ("18, and again 18", 18, {"take": "only"}),
        ("1 then 2", 2, {"take": "last"}),
        ("7", [6, 7], {}),
        ("0.1", 0.1, {}),
        ("0.30000000000000000", 0.3, {}),
    ],
)
def test_settings(answer: str, target: object, settings: dict[str, object]) -> None:
    assert value("numeric", target, answer, **settings) == 1


@limits(deadline=None)
@given(st.integers(-(10**18), 10**18))
def test_every_whole_number_is_read_with_and_without_commas(number: int) -> None:
    for text in (str(number), f"{number:,}", f"It is {number:,}.", f"\\boxed{{{number}}}"):
        assert value("numeric", number, text) == 1
    assert value("numeric", number, str(number + 1)) == 0


@limits(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_every_decimal_is_read_exactly(number: Decimal) -> None:
    found = last_number(plain(f"{number:f}"))
    assert found is not None
    assert found.value == Fraction(number)


@limits(deadline=None)
@given(st.integers(0, 10**15))
def test_korean_numerals_are_sums_of_their_parts(number: int) -> None:
    parts = []
    rest = number
    for unit, worth in (("조", 10**12), ("억", 10**8), ("만", 10**4)):
        count, rest = divmod(rest, worth)
        if count:
            parts.append(f"{count}{unit}")
    if rest >= 1000 or not parts:
        parts.append(str(rest))
    else:
        number -= rest
    found = last_number(plain(" ".join(parts)))
    assert found is not None
    assert found.value == number


@limits(deadline=None)
@given(st.text(st.sampled_from("0123456789.,-+/%$ eE만억천조k^{}\\frac 'x×(")))
def test_no_text_is_too_much(text: str) -> None:
    numbers_in(plain(text))
    value("numeric", 1, text)


def test_the_last_number_is_the_last_of_all_wherever_it_stands() -> None:
    for gap in (0, 100, 190, 200, 210, 1000):
        text = "1 and 2,000 3/4" + "x " * gap
        assert last_number(text) == numbers_in(text)[-1]


@pytest.mark.parametrize(
    "hostile",
    [
        *("1," * 30000, "1" * 60000, "1만" * 30000, "1만 " + "1" * 60000, "1 " * 30000, "-" * 60000),
        *("1/" * 30000, "answer " * 10000, "answer is " + "**" * 30000, "1e" * 30000, "\\boxed{" * 10000),
        *("1만," * 20000, "1 and " * 20000, "_1" * 30000, "{,}" * 20000, "1,000" * 12000),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_texts_take_no_time(hostile: str) -> None:
    begun = time.process_time()
    value("numeric", 5, hostile)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("target", ["five", "5 or 6", [], "", True, {"a": 1}, [True]])
def test_a_target_that_is_no_number_is_refused(target: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("numeric").check(case_of(target))


def test_it_agrees_with_everybody_about_gsm8k(show: Callable[[str], None]) -> None:
    rows = rows_of("gsm8k/example_model_solutions.jsonl.gz")
    one = scorer("numeric")
    judged = [
        (
            case_of(row["ground_truth"].rsplit("A:", 1)[1].strip()),
            answer_of(told["solution"]),
            told["is_correct"],
        )
        for row in rows
        for told in row.values()
        if isinstance(told, dict)
    ]

    async def score_them() -> Counter[tuple[float | None, bool]]:
        return Counter([((await one.score(case, answer)).value, right) for case, answer, right in judged])

    begun = time.perf_counter()
    counted = asyncio.run(score_them())
    took = time.perf_counter() - begun
    assert set(counted) == {(1.0, True), (0.0, False)}
    show(f"numeric: {len(judged)} solutions of GSM8K as its authors judged them, {len(judged) / took:,.0f}/s")
