"""The prompts of judges: files that one can read, in `prompts/`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from freehold.compare.judges.material import Material, Question
from freehold.compare.judges.settings import AnySettings, JudgeSettings, kind_of
from freehold.core.errors import BadRequest

_BLANK = re.compile(r"\{\{(\w+)\}\}")
_encode = msgspec.json.Encoder(order="deterministic").encode

Form = Mapping[str, object]
"""A JSON Schema."""


@cache
def prompt_file(name: Literal["rubric", "pairwise", "criteria"]) -> str:
    """What a file in `prompts/` says."""
    return files(__package__).joinpath("prompts", f"{name}.md").read_text("utf-8").strip()


def request_of(
    prompt: Literal["rubric", "pairwise"],
    settings: JudgeSettings,
    question: Question,
    *,
    shown: Material,
    form: Form,
    blanks: Mapping[str, str],
) -> dict[str, Any]:
    """The body of the request to a judge, without `model`."""
    values = {"mark": shown.mark, "material": shown.text, "rubric": criteria_of(settings), **blanks}
    system, _, user = prompt_file(prompt).partition("\n---\n")
    # Both are filled in one pass, so what is filled in is never read as a blank.
    told, asked = (_BLANK.sub(lambda found: values[found[1]], part) for part in (system, user))
    content: Any = [{"type": "text", "text": asked}, *question.images] if question.images else asked
    request: dict[str, Any] = {
        "messages": [{"role": "system", "content": told}, {"role": "user", "content": content}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": form},
        },
        "max_completion_tokens": settings.max_tokens,
    }
    temperature = settings.temperature
    if isinstance(temperature, msgspec.UnsetType):
        temperature = 0.0 if settings.repeats == 1 else None
    if temperature is not None:
        request["temperature"] = temperature
    return request


def criteria_of(settings: JudgeSettings) -> str:
    """The suite's own rubric, or ours."""
    return settings.rubric.strip() or prompt_file("criteria")


def hash_of(settings: AnySettings, prompt: Literal["rubric", "pairwise"], version: int) -> str:
    """What decides over a judge's verdicts: its model, how it is set, every word that it is told, and how replies are
    read (`version`).
    """
    told = [
        kind_of(settings),
        version,
        msgspec.to_builtins(settings),
        prompt_file(prompt),
        criteria_of(settings),
    ]
    return hashlib.sha256(_encode(told)).hexdigest()


def encoded(request: dict[str, Any]) -> msgspec.Raw:
    """The same request is the same bytes. Raises BadRequest: a case holds what is no text."""
    try:
        return msgspec.Raw(_encode(request))
    except UnicodeEncodeError:
        raise BadRequest("An answer or a case cannot be shown to a judge: it is no text.") from None
