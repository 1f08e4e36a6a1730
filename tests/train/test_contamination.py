"""Lines that hold what a suite asks are found, however they are written; others of the same kind are not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import rows_of

from examples import examples, few_examples

pytest.importorskip("numpy")

from freehold.compare.case import Case, ScorerSettings, Source
from freehold.compare.database import Database
from freehold.compare.suites.shelf import SuiteShelf
from freehold.train.data.contamination import Found, LineText, SuiteTexts
from freehold.train.data.passages import passages_of
from freehold.train.data.words import Tokens

NAMES = ["Anna", "Ben", "Cleo", "Dario", "Eve", "Farid", "Gina", "Hugo", "Ines", "Jonas"]
ITEMS = ["lamp", "chair", "kettle", "phone", "laptop", "tent", "coat", "desk", "printer", "bike"]
CITIES = ["Berlin", "Seoul", "Lyon", "Porto", "Oslo", "Graz", "Ghent", "Turin"]
FORMS = (
    "Hello, this is {name} from {city}. The {item} of order {order} arrived broken this morning, and I want my money.",
    "I ordered a {item} on the third of May (order {order}), and it has not arrived in {city} yet. When will it come?",
    "Please send order {order} to {city} instead: the {item} is a present for {name}, who moved there last week.",
    "안녕하세요, {city}에 사는 {name}입니다. 주문 {order}의 {item} 상품이 파손되어 도착했습니다. 환불을 받고 싶습니다.",
    "{name}에게 줄 선물인데 주문 {order}의 배송지를 {city}로 바꿔 주실 수 있나요? 상품은 {item}이고 급합니다.",
)
INSTRUCTIONS = (
    "Classify the following ticket of a shop into refund, delivery, address, invoice or other, and answer with JSON "
    "that has the fields category and urgent and nothing else. The ticket is: "
)


def _tickets(many: int, seed: int) -> list[str]:
    dice = random.Random(seed)
    return [
        FORMS[number % len(FORMS)].format(
            name=dice.choice(NAMES),
            item=dice.choice(ITEMS),
            city=dice.choice(CITIES),
            order=dice.randrange(10_000, 99_999),
        )
        for number in range(many)
    ]


def _texts(folder: Path, *suites: Iterable[str], target: object = {"category": "refund"}) -> SuiteTexts:
    with closing(Database(folder / "compare.db")) as database:
        shelf = SuiteShelf(database)
        found = [
            shelf.add(
                f"suite{at}",
                Source(kind="file", name="a.jsonl"),
                (ScorerSettings(kind="exact"),),
                (_case(number, question, target) for number, question in enumerate(questions)),
            )
            for at, questions in enumerate(suites)
        ]
        return SuiteTexts(passages_of(shelf, found))


def _case(number: int, question: str, target: object = "", *before: dict[str, str]) -> Case:
    messages = [*before, {"role": "user", "content": question}]
    request = msgspec.json.encode({"messages": messages})
    return Case(id=str(number), request=msgspec.Raw(request), target=msgspec.Raw(msgspec.json.encode(target)))


def _line(question: str, answer: str = '{"category": "refund"}') -> LineText:
    return LineText(
        {"messages": [{"role": "user", "content": question}]}, {"role": "assistant", "content": answer}
    )


def _look(texts: SuiteTexts, lines: list[LineText]) -> list[Found | None]:
    for one in lines:
        texts.meet(one)
    return [texts.found_in(one) for one in lines]


def _loudly(text: str) -> str:
    return text.upper().replace(",", " ,").replace(".", " …").replace(" ", "  \n")


def _without_marks(text: str) -> str:
    return text.replace(".", "").replace(",", ";").replace("?", "!?")


def _full_width(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def _edited(text: str) -> str:
    words = text.split()
    words[2] = "really"
    return " ".join([*words[:-4], "please", *words[-4:]])


def _embedded(text: str) -> str:
    before, after = _tickets(2, seed=99)
    return f"{before} A colleague of mine wrote this: {text} {after}"


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "in capitals, spaced out": _loudly,
    "with other marks": _without_marks,
    "in full width": _full_width,
    "edited a little": _edited,
    "within a longer text": _embedded,
    "behind other instructions": lambda text: f"Summarise in one sentence what this person wants. {text}",
}


@pytest.mark.parametrize("instructions", ["", INSTRUCTIONS])
@pytest.mark.parametrize("way", WAYS)
def test_twenty_planted_cases_of_twenty_are_found(tmp_path: Path, way: str, instructions: str) -> None:
    cases = _tickets(100, seed=1)
    texts = _texts(tmp_path, [instructions + one for one in cases])
    innocent = [_line(instructions + one) for one in _tickets(300, seed=2)]
    planted = [_line(WAYS[way](one)) for one in cases[:20]]
    found = _look(texts, innocent + planted)
    assert [one and one.case for one in found[300:]] == [str(number) for number in range(20)]
    # Those that are found differ from a case in a number alone.
    assert sum(one is not None for one in found[:300]) <= 9


def test_a_case_in_an_answer_or_an_earlier_turn_is_found(tmp_path: Path) -> None:
    cases = _tickets(20, seed=1)
    texts = _texts(tmp_path, cases)
    in_answer = _line("Give me an example of a ticket.", f"Here is one: {cases[3]}")
    messages = [
        {"role": "user", "content": cases[8]},
        {"role": "assistant", "content": "Certainly."},
        {"role": "user", "content": [{"type": "text", "text": "Thank you, and now in Korean, please."}]},
    ]
    earlier = LineText({"messages": messages}, {"role": "assistant", "content": "네."})
    found = _look(texts, [in_answer, earlier])
    assert [one and one.case for one in found] == ["3", "8"]


def test_what_is_copied_often_is_found_each_time(tmp_path: Path) -> None:
    cases = _tickets(20, seed=1)
    texts = _texts(tmp_path, cases)
    words, dice = cases[5].split(), random.Random(3)
    copies = []
    for number in range(60):
        at = dice.randrange(len(words))
        edited = words if number % 2 else [*words[:at], "really", *words[at:]]
        copies.append(_line(f"{' '.join(edited)} {dice.choice(ITEMS)} {number}"))
    found = _look(texts, [*copies, *map(_line, _tickets(60, seed=2))])
    assert [one and one.case for one in found[:60]] == ["5"] * 60


def test_a_short_case_is_found_only_where_it_is_all_that_is_asked(tmp_path: Path) -> None:
    texts = _texts(tmp_path, ["What is 12 + 30?", "Hello!", "환불되나요?"], target="42")
    found = _look(
        texts,
        [
            _line("what is 12 + 30"),
            _line("What is 12 + 31?"),
            _line("What is 12 - 30?"),
            _line("Hello! My lamp is broken."),
            _line("환불 되나요"),
        ],
    )
    assert [one and one.case for one in found] == ["0", None, None, None, "2"]
    assert texts.short == 3


def test_a_long_answer_of_a_case_is_found_and_a_label_is_not(tmp_path: Path) -> None:
    solution = (
        "The train leaves at nine and needs two hours and a half for the way, so it arrives at half past eleven, which "
        "is twenty minutes before the ferry leaves from the other side of the harbour."
    )
    texts = _texts(tmp_path, ["When does the train arrive?"], target=solution)
    label = _texts(
        tmp_path, ["Which kind of ticket is this?"], target='{"category": "refund", "urgent": true}'
    )
    [found] = _look(texts, [_line("Tell me about trains.", f"Let me think. {solution}")])
    assert found is not None
    assert (found.part, found.share) == ("target", 1.0)
    assert _look(label, [_line("What is it about?", '{"category": "refund", "urgent": true}')]) == [None]


def test_a_question_that_many_cases_share_tells_none_of_them(tmp_path: Path) -> None:
    asked = "Please answer the question above with one letter, and say nothing else."
    shown = [{"role": "system", "content": one} for one in _tickets(20, seed=1)]
    with closing(Database(tmp_path / "compare.db")) as database:
        shelf = SuiteShelf(database)
        cases = [_case(number, asked, "A", one) for number, one in enumerate(shown)]
        suite = shelf.add("letters", Source(kind="file", name="a"), (ScorerSettings(kind="exact"),), cases)
        texts = SuiteTexts(passages_of(shelf, [suite]))
    others = [{"role": "system", "content": one} for one in _tickets(40, seed=2)]
    lines = [
        LineText(
            {"messages": [one, {"role": "user", "content": asked}]}, {"role": "assistant", "content": "B"}
        )
        for one in [*others, shown[4]]
    ]
    found = _look(texts, lines)
    assert sum(one is not None for one in found[:40]) <= 2
    assert found[40] is not None
    assert found[40].case == "4"


@settings(few_examples, max_examples=15)
@given(
    words=st.lists(st.text("abcdefghij가나다라마바", min_size=1, max_size=6), min_size=8, max_size=60),
    before=st.lists(st.text("klmnop사아자", min_size=1, max_size=6), max_size=20),
    marks=st.sampled_from([" ", ", ", "\n\n", " - "]),
)
def test_what_is_within_a_text_is_found_however_it_is_laid_out(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], before: list[str], marks: str
) -> None:
    texts = _texts(tmp_path_factory.mktemp("suites"), [" ".join(words)])
    [found] = _look(texts, [_line(" ".join(before) + ". " + marks.join(words).upper())])
    if not texts.short:
        assert found is not None
        assert found.share == 1.0


@examples
@given(st.text(max_size=300))
def test_any_text_has_tokens(text: str) -> None:
    tokens = Tokens(text)
    assert tokens.digest() == Tokens(f" {text}\n").digest()
    for reading in ("words", "characters"):
        tokens.sequences(reading, 5)


def test_problems_of_one_textbook_are_not_taken_for_each_other(tmp_path: Path) -> None:
    problems = [row["question"] for row in rows_of("gsm8k/test.jsonl.gz")]
    measured, learned = problems[::2], problems[1::2]
    texts = _texts(tmp_path, measured)
    planted = [_edited(one) for one in measured[:20]]
    found = _look(texts, [_line(one, "42") for one in learned + planted])
    assert sum(one is not None for one in found[: len(learned)]) <= 3
    assert all(found[len(learned) :])


def test_most_of_a_long_question_is_found_though_no_other_line_has_it(tmp_path: Path) -> None:
    """What one line alone has of a text tells as much as what it lacks: the line does not speak against itself."""
    words = [f"word{number}" for number in range(60)]
    texts = _texts(tmp_path, [" ".join(words), *_tickets(5, seed=1)])
    most, little = _look(texts, [_line(" ".join(words[:42])), _line(" ".join(words[:20]))])
    assert most is not None
    assert most.case == "0"
    assert little is None
