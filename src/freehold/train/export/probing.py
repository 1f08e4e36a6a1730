"""Which answers the forms are asked about token by token."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.train.export.questions import Question
from freehold.train.export.samples import CONVERSATIONS
from freehold.train.export.told import Probe
from freehold.train.export.torch_form import TorchForm

_PROBED = 32
"""Answers of the task."""
_BESIDE_TOKENS = 24
"""Tokens of each answer to what the model was not trained for."""
_LONGEST_ANSWER = 512


def fitting(form: TorchForm, questions: Sequence[Question], context: int) -> list[Question]:
    """The questions that leave room for their answer."""
    return [
        one
        for one in questions
        if len(form.prompt(one.messages)) + max(len(form.ids(one.answer or "")) + 1, _BESIDE_TOKENS)
        <= context
    ]


def longest_of(form: TorchForm, questions: Sequence[Question]) -> int:
    """Tokens that an answer may have: twice the longest right one."""
    known = [len(form.ids(one.answer)) for one in questions if one.answer is not None]
    return min(_LONGEST_ANSWER, 2 * max(known) + 8) if known else _LONGEST_ANSWER


def probes_of(form: TorchForm, questions: Sequence[Question], longest: int) -> list[Probe]:
    """The right answers to the first questions; where none is known, what the trained model writes."""
    some = questions[:_PROBED]
    prompts = [form.prompt(one.messages) for one in some]
    unknown = [place for place, one in enumerate(some) if one.answer is None]
    written = form.write([prompts[place] for place in unknown], longest)
    answers = dict(zip(unknown, written, strict=True))
    end = form.tokenizer.eos_token_id
    for place, one in enumerate(some):
        if one.answer is not None:
            answers[place] = (*form.ids(one.answer), *(() if end is None else (end,)))
    return [
        Probe(prompt, answers[place], some[place].group)
        for place, prompt in enumerate(prompts)
        if answers[place]
    ]


def probes_beside(form: TorchForm) -> list[Probe]:
    """Conversations of all kinds, with what the trained model says to them."""
    prompts = [form.prompt(one) for one in CONVERSATIONS]
    written = form.write(prompts, _BESIDE_TOKENS)
    pairs = enumerate(zip(prompts, written, strict=True))
    return [Probe(prompt, answer, str(place)) for place, (prompt, answer) in pairs]
