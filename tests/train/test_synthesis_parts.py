"""Seeds, targets that are reckoned, measures of diversity, and the memory of what was asked."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.answer import Answer
from freehold.core.errors import BadRequest
from freehold.train.synthesis.diversity import MOST_PAIRS, diversity_of, pairs_of
from freehold.train.synthesis.memory import ANSWERS, CallsSpent, Memory, calls_in
from freehold.train.synthesis.outline import (
    AnswerWish,
    CheckWish,
    Outline,
    QuestionWish,
    Seeds,
    identity_of,
    places_in,
    read_outline,
)
from freehold.train.synthesis.reckoning import names_in, reckon
from freehold.train.synthesis.seeds import Sower

EXAMPLES = Path(__file__).parents[2] / "examples" / "synthesis"
OUTLINE = """
[seeds]
topics = ["a", "b", "c"]
personas = ["x", "y"]
[question]
template = "{topic} {persona} {n}"
numbers = { n = [1, 9] }
"""
ASKED = msgspec.Raw(b'{"messages":[]}')


def outline(text: str = OUTLINE) -> Outline:
    return read_outline(text)


GRID = outline()


def test_the_page_shows_an_outline_that_can_be_used() -> None:
    page = Path(__file__).parents[2] / "docs" / "synthesis.md"
    shown = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    assert shown
    for text in shown:
        assert read_outline(text).rows > 0


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_the_examples_can_be_read(file: Path) -> None:
    found = read_outline(file.read_text(encoding="utf-8"))
    assert Sower(found, 0).cells > 10


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_every_cell_comes_once_before_one_comes_twice(seed: int, rounds: int) -> None:
    sower = Sower(GRID, seed)
    cells = Counter(sower.seed_of(attempt).cell for attempt in range(rounds * sower.cells))
    assert cells == Counter(dict.fromkeys(range(sower.cells), rounds))


@given(st.integers(0, 2**32), st.permutations(range(20)))
def test_an_attempt_has_its_seed_whenever_it_is_asked_for(seed: int, order: list[int]) -> None:
    sower, other = Sower(GRID, seed), Sower(GRID, seed)
    apart = {attempt: sower.seed_of(attempt) for attempt in order}
    assert [apart[attempt] for attempt in range(20)] == [other.seed_of(attempt) for attempt in range(20)]
    assert all(1 <= one.numbers["n"] <= 9 for one in apart.values())


def test_what_is_asked_decides_what_is_remembered_and_how_much_is_wanted_does_not() -> None:
    first = identity_of(outline(), "p/m", 0)
    assert identity_of(outline("rows = 7\n" + OUTLINE), "p/m", 0) == first
    assert identity_of(outline('teacher = "p/m"\n' + OUTLINE), "p/m", 0) == first
    others = [
        identity_of(outline(), "p/other", 0),
        identity_of(outline(), "p/m", 1),
        identity_of(outline(OUTLINE.replace("[1, 9]", "[1, 8]")), "p/m", 0),
        identity_of(outline(OUTLINE + '[check]\nscorers = ["numeric"]'), "p/m", 0),
    ]
    assert len({first, *others}) == 5


expressions = st.recursive(
    st.integers(0, 99).map(str) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(
            lambda one: f"({''.join(one)})"
        )
        | inner.map(lambda one: f"(-{one})")
    ),
    max_leaves=8,
)


@given(expressions, st.integers(-99, 99), st.integers(-99, 99))
def test_targets_are_reckoned_as_python_does(expression: str, a: int, b: int) -> None:
    try:
        expected = eval(expression, {}, {"a": a, "b": b})
    except ZeroDivisionError:
        with pytest.raises(BadRequest, match="divides by zero"):
            reckon(expression, {"a": a, "b": b})
        return
    try:
        assert reckon(expression, {"a": a, "b": b}) == expected
    except BadRequest as error:
        assert "grows beyond" in error.message


@given(st.text(max_size=30))
def test_whatever_a_target_says_it_is_reckoned_or_refused(expression: str) -> None:
    try:
        names = names_in(expression)
    except BadRequest:
        return
    try:
        reckon(expression, dict.fromkeys(names, 3))
    except BadRequest as error:
        assert error.message.startswith("The `target` of the template")


@given(st.text(max_size=40))
def test_whatever_a_prompt_says_its_places_are_names(text: str) -> None:
    try:
        found = places_in(text)
    except ValueError:
        return
    assert all(name.isidentifier() for name in found)
    text.format_map(dict.fromkeys(found, ""))


@given(st.lists(st.text(max_size=60), max_size=12))
def test_measures_of_diversity_are_in_their_bounds(texts: list[str]) -> None:
    found = diversity_of(texts)
    assert found.texts == len(texts)
    for share in (found.distinct_1, found.distinct_2, found.distinct_3):
        assert share is None or 0 < share <= 1
    assert found.compression is None or found.compression > 0
    assert (found.overlap is None) == (len(texts) < 2)
    assert found.overlap is None or 0 <= found.overlap <= 1


def test_texts_that_repeat_each_other_measure_as_less_diverse() -> None:
    same = diversity_of(["The cat sat on the mat in the morning."] * 20)
    words = ["river", "stone", "lamp", "bread", "winter", "letter", "garden", "clock", "bottle", "engine"]
    different = diversity_of([f"{one} {other} {one[::-1]}" for one in words for other in words[:2]])
    assert same.distinct_2 is not None
    assert different.distinct_2 is not None
    assert same.distinct_2 < 0.1 < different.distinct_2
    assert (same.compression or 0) > 5 > (different.compression or 9)
    assert same.overlap == pytest.approx(1)
    assert (different.overlap or 1) < 0.2


@given(st.integers(0, 300))
def test_pairs_are_different_and_always_the_same(texts: int) -> None:
    pairs = pairs_of(texts)
    assert len(set(pairs)) == len(pairs) == min(MOST_PAIRS, texts * (texts - 1) // 2)
    assert all(0 <= one < other < texts for one, other in pairs)
    assert pairs == pairs_of(texts)


class Teacher:
    """Says how often it was asked."""

    def __init__(self, failure: str | None = None) -> None:
        self.asked = 0
        self.failure = failure

    async def ask(self, model: str, request: msgspec.Raw) -> Answer:
        self.asked += 1
        return Answer(id="", model=model, text=str(self.asked), cost=Decimal("0.5"), failure=self.failure)


def ask_all(memory: Memory, teacher: Teacher, attempt: int, times: int) -> list[str]:
    async def work() -> list[str]:
        ask = memory.asking(attempt, teacher.ask)
        return [(await ask("p/m", ASKED)).text for _ in range(times)]

    return asyncio.run(work())


def test_what_was_answered_is_not_asked_again_even_where_the_last_line_is_torn(tmp_path: Path) -> None:
    teacher, memory = Teacher(), Memory(tmp_path)
    assert ask_all(memory, teacher, 0, 3) == ["1", "2", "3"]
    memory.close()
    file = tmp_path / ANSWERS
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    again = Memory(tmp_path)
    assert (again.calls, again.spent, calls_in(tmp_path)) == (2, Decimal(1), 2)
    assert ask_all(again, teacher, 0, 4) == ["1", "2", "4", "5"]
    assert ask_all(again, teacher, 1, 1) == ["6"]
    again.close()
    last = Memory(tmp_path)
    assert (last.calls, last.asked, ask_all(last, teacher, 0, 4)) == (5, 0, ["1", "2", "4", "5"])
    last.close()


def test_what_failed_is_asked_again_and_counted(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    ask_all(memory, Teacher("provider_timeout"), 0, 1)
    memory.close()
    again, teacher = Memory(tmp_path, most_calls=2), Teacher()
    assert ask_all(again, teacher, 0, 1) == ["1"]
    assert again.calls == 2
    with pytest.raises(CallsSpent):
        ask_all(again, teacher, 5, 1)
    again.close()


DOCS = (Path(__file__).parents[2] / "docs" / "synthesis.md").read_text(encoding="utf-8")


def test_the_page_shows_an_outline_that_can_be_read() -> None:
    [shown] = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    found = read_outline(shown)
    assert (found.rows, found.check.agreement, Sower(found, 0).cells) == (40, 0.75, 24)


@pytest.mark.parametrize("part", [Seeds, QuestionWish, AnswerWish, CheckWish])
def test_the_page_tells_every_setting(part: type[msgspec.Struct]) -> None:
    table = [line for line in DOCS.splitlines() if line.startswith("|")]
    told = {name for line in table for name in re.findall(r"`(\w+)`", line)}
    assert set(part.__struct_fields__) <= told
