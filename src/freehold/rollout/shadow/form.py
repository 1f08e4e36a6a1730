"""Whether an answer has the form that its request demands: a JSON Schema, tools that were declared."""

from __future__ import annotations

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scoring import Scored
from freehold.core.request import ChatRequest, Tool
from freehold.engine.schema.validation import Undecided, problem_with

_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


def has_form(request: ChatRequest, *answers: Answer) -> bool:
    """Whether there is anything to check in answers to this request. Tools that nobody has to call, and nobody calls,
    are nothing.
    """
    wish, choice = request.response_format, request.tool_choice
    return (
        (wish is not None and wish.kind != "text")
        or (choice is not None and choice.mode in ("required", "named"))
        or any(answer.tool_calls for answer in answers)
    )


def form_of(request: ChatRequest, answer: Answer) -> Scored:
    """1 for an answer in the form that was demanded, 0 for another one; no value where nobody can say."""
    try:
        problem = _problem(request, answer)
    except Undecided as undecided:
        return Scored(None, f"the schema is {undecided}")
    return Scored(1.0) if problem is None else Scored(0.0, problem)


def _problem(request: ChatRequest, answer: Answer) -> str | None:
    tools = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}
    for call in answer.tool_calls:
        tool = tools.get(call.name)
        if tool is None:
            return f"calls the tool `{call.name[:100]}`, which there is not"
        problem = None if tool.custom else _problem_with(call.arguments or "{}", tool.schema)
        if problem is not None:
            return f"the arguments of `{call.name[:100]}`: {problem}"
    if answer.tool_calls or answer.refusal is not None:
        return None
    choice, wish = request.tool_choice, request.response_format
    if choice is not None and choice.mode in ("required", "named"):
        return "has to call a tool, and calls none"
    if wish is None or wish.kind == "text":
        return None
    problem = _problem_with(answer.text, wish.schema)
    return None if problem is None else f"the answer: {problem}"


def _problem_with(text: str, schema: bytes | None) -> str | None:
    try:
        value = msgspec.json.decode(text)
    except _UNREADABLE:
        return "no JSON"
    if schema is None:
        return None if isinstance(value, dict) else "no JSON object"
    try:
        return problem_with(value, msgspec.json.decode(schema))
    except _UNREADABLE:
        return None  # a schema that is none demands nothing
