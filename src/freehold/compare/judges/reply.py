"""A judge's replies: read strictly, asked for once more when one cannot be read, and never guessed."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.prompt import encoded

T = TypeVar("T", bound=msgspec.Struct)

NOT_IN_FORM = "answer_not_in_form"
"""The code of the error with which the engine gives up on a form, when it has asked for it twice itself."""
_FENCED = re.compile(r"```[A-Za-z]*[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)
_MOST_WHY = 2000


class Reply(msgspec.Struct, Generic[T], frozen=True):
    """What a judge replied."""

    verdict: T | None
    """None: no verdict."""
    why: str
    """Why there is none; else empty."""
    call_ids: tuple[str, ...]


async def ask_for(ask: Ask, model: str, request: dict[str, Any], form: type[T]) -> Reply[T]:
    """A judge's verdict. What cannot be read is asked for once more; a judge that does not answer at all was asked
    again by whoever asks models, so it is not asked here.
    """
    first = await ask(model, encoded(request))
    calls = _calls(first)
    if first.failure is not None:
        return Reply(None, _why_silent(first), calls)
    verdict, problem = _read(first, form)
    if verdict is not None:
        return Reply(verdict, "", calls)
    said = [{"role": "assistant", "content": first.text}] if first.text.strip() else []
    wish = f"That cannot be used: {problem}. Reply again, with the JSON object alone."
    messages = [*request["messages"], *said, {"role": "user", "content": wish}]
    second = await ask(model, encoded({**request, "messages": messages}))
    calls += _calls(second)
    if second.failure is not None:
        return Reply(None, f"{problem}; then {_why_silent(second)}", calls)
    verdict, again = _read(second, form)
    why = "" if verdict is not None else f"{problem}; and when it was asked again, {again}"
    return Reply(verdict, why, calls)


def _read(answer: Answer, form: type[T]) -> tuple[T | None, str]:
    """The verdict, or what is wrong. JSON inside of prose is not looked for: a judge may quote what it judges."""
    if answer.refusal is not None:
        return None, "it declined"
    text = answer.text.strip().removeprefix("\ufeff").strip()
    fenced = _FENCED.fullmatch(text)
    if fenced is not None:
        text = fenced[1].strip()
    if not text:
        return None, "the reply is empty"
    try:
        return msgspec.json.decode(text, type=form), ""
    except msgspec.ValidationError as error:
        return None, f"the reply is not in the form that was asked for: {error}"
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        cut = ", it was cut off" if answer.finish_reason == "length" else ""
        return None, f"the reply is not one JSON object and nothing else{cut}"


def _why_silent(answer: Answer) -> str:
    if answer.failure == NOT_IN_FORM:
        return "it replied twice, and neither was in the form that was asked for"
    return f"the judge did not answer (`{answer.failure}`)"


def _calls(answer: Answer) -> tuple[str, ...]:
    return (answer.call_id,) if answer.call_id else ()


def shortened(why: str) -> str:
    """As much of a judge's reasons as is kept."""
    return why if len(why) <= _MOST_WHY else why[: _MOST_WHY - 1] + "…"
