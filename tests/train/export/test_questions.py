"""What a model is asked to prove it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from freehold.compare.case import Case
from freehold.core.errors import BadRequest
from freehold.train.data.row import Row
from freehold.train.export.forms import FORMS, form_of
from freehold.train.export.questions import EXACT, of_cases, of_rows, said_of


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def row(number: int, *, content: object = "What?", answer: Mapping[str, object] | None = None) -> Row:
    return Row(
        id=f"row-{number}",
        request=raw({"messages": [{"role": "user", "content": content}]}),
        answer=raw(answer or {"role": "assistant", "content": f"answer {number}"}),
        maker="people",
        origin="file x line 1",
        group=f"group-{number % 3}",
    )


def test_rows_are_asked_as_they_are_and_scored_by_their_answers() -> None:
    asked = of_rows([row(1)], [], source="x", most=10)
    (question,) = asked.questions
    assert question.messages == [{"role": "user", "content": "What?"}]
    assert question.answer == "answer 1" and question.group == "group-1"
    assert asked.scorers == (EXACT,) and msgspec.json.decode(question.case.target) == "answer 1"


def test_reasoning_is_part_of_what_is_written_and_no_part_of_what_is_scored() -> None:
    answer = {"role": "assistant", "content": "4", "reasoning_content": "2 and 2"}
    (question,) = of_rows([row(1, answer=answer)], [], source="x", most=1).questions
    assert question.answer == "<think>\\n2 and 2\\n</think>\\n\\n4".replace("\\n", "\n")
    assert msgspec.json.decode(question.case.target) == "4"
    assert said_of(question.answer or "") == ("2 and 2", "4")
    assert said_of("<think>never ends") == ("never ends", "")
    assert said_of("plain") == ("", "plain")


def test_what_is_more_than_text_is_left_out_and_told() -> None:
    image = [{"type": "image_url", "image_url": {"url": "x"}}]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    calls = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    asked = of_rows(
        [row(1, content=image), row(2, content=parts), row(3, answer=calls)], [], source="x", most=9
    )
    assert [one.messages[0]["content"] for one in asked.questions] == ["ab"]
    assert asked.notes == ("2 were left out, as there is more to them than text.",)


def test_the_same_ones_are_drawn_again() -> None:
    rows = [row(number) for number in range(50)]
    once, again = (of_rows(rows, [], source="x", most=20).questions for _ in range(2))
    assert [one.case.id for one in once] == [one.case.id for one in again] and len(once) == 20
    assert {one.case.id for one in once} != {f"row-{number}" for number in range(20)}


def test_cases_of_a_suite_have_no_answers() -> None:
    case = Case(id="c", request=raw({"messages": [{"role": "user", "content": "q"}]}), target=raw("t"))
    asked = of_cases([case], [EXACT], source="suite s", most=5)
    assert asked.questions[0].answer is None and asked.questions[0].group == "c"


def test_forms_are_found_by_name() -> None:
    assert {str(form_of(name.upper())) for name in FORMS} == set(FORMS)
    with pytest.raises(BadRequest, match="gguf:q8"):
        form_of("gguf:q8")
