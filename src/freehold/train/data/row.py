"""One line of a dataset: a question, its answer, and where both come from."""

from __future__ import annotations

from typing import Literal

import msgspec

NOTHING = msgspec.Raw()
"""A field that says nothing. It is this object and no other empty one: msgspec leaves it out."""

Split = Literal["train", "held-out"]
"""What is learned from, and what stays aside to measure on."""

Accepted = Literal["feedback", "judge", "scorer", "correction", "people", "unchecked"]
"""
feedback    who asked said that the answer was good
judge       a model that judges said so
scorer      a scorer gave it full marks
correction  people wrote what would have been right
people      people wrote it in the first place
unchecked   nobody looked at it
"""

PEOPLE = "people"
"""The maker of what no model wrote."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a dataset."""

    id: str
    """Unique within its dataset."""
    request: msgspec.Raw
    """What is asked: the body of an `openai-chat` request without `model` and `stream`, as JSON."""
    answer: msgspec.Raw
    """What was answered: the assistant's message in the form of `openai-chat`; reasoning that is to be learned too is
    in `reasoning_content`.
    """
    maker: str
    """Who wrote the answer: a model as `provider/name`, or `people`."""
    origin: str
    """Where the line comes from: a call's id, `suite HASH case ID`, `file NAME line N`, `synthesised RUN`."""
    group: str
    """The conversation, user or document that it belongs to. A group is in one split only."""
    accepted: Accepted = "unchecked"
    """Why the answer counts as good."""
    rejected: msgspec.Raw = NOTHING
    """An answer to the same that was worse, in the form of `answer`: what preferences are learned from."""
    target: msgspec.Raw = NOTHING
    """What a right answer is, as JSON, where a scorer can check it: what `reason` learns from."""
    task_class: str = ""
    """The kind of question. Empty: none was told."""
