"""What the teacher is asked, and how a question that it wrote is read."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import NOTHING, Case
from freehold.core.errors import BadRequest
from freehold.train.synthesis.outline import AnswerWish, Outline, QuestionWish
from freehold.train.synthesis.reckoning import reckon
from freehold.train.synthesis.seeds import Seed, Sower

_encode = msgspec.json.Encoder().encode
_TARGETS: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "text": {"type": "string", "minLength": 1},
    "python-tests": {"type": "string", "minLength": 1},
}
_LEAST = 3
"""Characters without which nothing was asked."""


class Unfit(Exception):
    """An attempt came to nothing; the message is a reason that attempts are counted by."""


def question_request(wish: QuestionWish, seed: Seed) -> msgspec.Raw | None:
    """The body of a request for one question; None: nobody has to be asked."""
    if wish.prompt is None:
        return None
    request: dict[str, Any] = {
        "messages": _messages(wish.system.format_map(seed.values), wish.prompt.format_map(seed.values)),
        "temperature": wish.temperature,
        "max_tokens": wish.max_tokens,
        **_stopping(wish.stop),
    }
    if wish.expects is not None:
        schema = {
            "type": "object",
            "properties": {"question": {"type": "string", "minLength": 1}, "target": _TARGETS[wish.expects]},
            "required": ["question", "target"],
            "additionalProperties": False,
        }
        request["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "question", "schema": schema, "strict": True},
        }
    return msgspec.Raw(_encode(request))


def filled_in(wish: QuestionWish, seed: Seed) -> tuple[str, msgspec.Raw]:
    """The question of a template, and its target. Raises Unfit: these numbers have none."""
    assert wish.template is not None
    question = wish.template.format_map({**seed.values, **seed.numbers})
    if wish.target is None:
        return question, NOTHING
    try:
        return question, msgspec.Raw(_encode(reckon(wish.target, seed.numbers)))
    except BadRequest:
        raise Unfit("the target could not be reckoned from the numbers drawn") from None


def first_questions(outline: Outline, seed: int, many: int) -> list[str]:
    """What the first attempts begin with: the teacher's prompt for a question, or the question of the template."""
    wish, sower = outline.question, Sower(outline, seed)
    seeds = [sower.seed_of(attempt) for attempt in range(many)]
    if wish.prompt is None:
        return [filled_in(wish, one)[0] for one in seeds]
    return [wish.prompt.format_map(one.values) for one in seeds]


def written(wish: QuestionWish, answer: Answer) -> tuple[str, msgspec.Raw]:
    """The question that the teacher wrote, and its target. Raises Unfit."""
    text = said_in(answer, "question")
    target = NOTHING
    if wish.expects is not None:
        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
            text, told = str(found["question"]).strip(), found["target"]
        except (msgspec.DecodeError, RecursionError, KeyError):
            raise Unfit("the question was not in the form that was asked for") from None
        target = msgspec.Raw(_encode({"tests": told} if wish.expects == "python-tests" else told))
    if len(text) < _LEAST:
        raise Unfit("the question was empty")
    return text, target


def said_in(answer: Answer, what: str) -> str:
    """What an answer says. Raises Unfit: it says nothing, or not to its end."""
    if answer.failure is not None:
        raise Unfit(f"the teacher gave no {what}")
    if answer.finish_reason == "length":
        raise Unfit(f"the {what} was cut off")
    text = answer.text.strip()
    if answer.refusal is not None or not text:
        raise Unfit(f"the {what} was empty")
    return text


def case_of(name: str, wish: AnswerWish, question: str, target: msgspec.Raw, topic: str) -> Case:
    """The question as the student will be asked it."""
    request = {"messages": _messages(wish.system, question)}
    return Case(id=name, request=msgspec.Raw(_encode(request)), target=target, task_class=topic)


def answer_request(wish: AnswerWish, question: str) -> msgspec.Raw:
    """The body of a request for an answer: the teacher may be told more than the student."""
    system = "\n\n".join(one for one in (wish.system, wish.guidance) if one)
    request = {
        "messages": _messages(system, question),
        "temperature": wish.temperature,
        "max_tokens": wish.max_tokens,
        **_stopping(wish.stop),
    }
    return msgspec.Raw(_encode(request))


def _stopping(stop: tuple[str, ...]) -> dict[str, Any]:
    return {"stop": stop} if stop else {}


def _messages(system: str, user: str) -> list[dict[str, str]]:
    told = [{"role": "system", "content": system}] if system else []
    return [*told, {"role": "user", "content": user}]
