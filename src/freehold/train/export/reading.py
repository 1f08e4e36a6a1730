"""Whether the runtime reads texts and chats as training did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from freehold.train.export.checks import Reading, check_readings
from freehold.train.export.proof import Finding
from freehold.train.export.questions import Question
from freehold.train.export.samples import CONVERSATIONS, TEXTS
from freehold.train.export.serving import Served
from freehold.train.export.torch_form import TorchForm

_OF_THE_TASK = 16
"""Questions of the task among the chats."""


def check_reading(form: TorchForm, runtime: Served, questions: Sequence[Question]) -> Iterator[Finding]:
    """The same ids for texts outside of chats, and for whole chats as each side's own template writes them."""
    texts = [Reading(text, form.ids(text), tuple(runtime.tokens(text))) for text in TEXTS]
    yield check_readings("tokenizer", "Texts", texts)
    chats = []
    for messages in (*CONVERSATIONS, *(one.messages for one in questions[:_OF_THE_TASK])):
        theirs = runtime.tokens(runtime.rendered(messages), chat=True)
        chats.append(Reading(form.rendered(messages), form.prompt(messages), tuple(theirs)))
    yield check_readings("prompts", "Chats", chats)
