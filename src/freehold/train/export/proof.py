"""What `proof.json` holds: everything that was measured of an exported model, and what it was held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Decision = Literal["passes", "refused", "undecided"]
"""
passes     every check holds
refused    one does not
undecided  none fails, and there is too little evidence for one
"""

FormName = Literal["trained", "merged", "exported", "served"]
"""
trained   as training left it, an adapter beside its base
merged    in one piece, in full precision
exported  the numbers of the file, read back and reckoned with in full precision
served    by the local runtime
"""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was checked."""

    check: str
    """`chat-template`, `tokenizer`, `perplexity` …: never changes."""
    holds: bool | None
    """None: there is too little evidence."""
    told: str
    """What was found, in a sentence."""
    evidence: tuple[str, ...] = ()
    """What it rests on, where it does not hold: the first few differences."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One form, on the answers that it was asked about token by token."""

    form: FormName
    answers: int
    tokens: int
    perplexity: float | None
    agreement: float | None
    """The share of tokens at which it would write what the trained form would."""
    agreement_where_sure: float | None
    """The same, of those tokens at which the trained form gives its choice more than half."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How well the trained and the served form do the task, question by question."""

    scorers: tuple[str, ...]
    questions: int
    """That both were asked."""
    trained: float | None
    served: float | None
    """Mean scores, 0 … 1."""
    difference: float | None
    """Served minus trained."""
    low: float
    high: float
    """Its confidence sequence: each end holds with 1 - alpha whenever one looks."""
    same_answers: float | None
    """The share of questions to which both wrote the same, letter by letter."""
    first_difference: float | None
    """The median place, in tokens from 0, of the first difference in answers that differ; None: none does."""
    ended: dict[str, float]
    """The share of answers that ended by themselves, by form."""


class Tensors(msgspec.Struct, frozen=True, kw_only=True):
    """How far the file's numbers are from the merged model's."""

    count: int
    error: float
    """Root of the mean squared error over all tensors, as a share of the root mean square of the numbers."""
    worst: str
    """The tensor with the largest share."""
    worst_error: float
    beyond: dict[str, float]
    """Tensors that are further off than their type explains, with their share."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    name: str
    form: str
    """As it was asked for: `gguf:q8_0`."""
    run: str
    decision: Decision
    margin: float
    alpha: float
    asked: str
    """Where the questions come from."""
    findings: tuple[Finding, ...]
    forms: tuple[Measured, ...]
    beside: tuple[Measured, ...]
    """The same on conversations of all kinds that the model was not trained for. Nothing is held against these."""
    score: Score | None
    tensors: Tensors | None
    bytes: int
    sha256: str
    notes: tuple[str, ...]
    seconds: float
    versions: dict[str, str]
    made_us: int
    """Microseconds since 1970, UTC."""


def decision_of(findings: Sequence[Finding]) -> Decision:
    """What the findings amount to."""
    if any(one.holds is False for one in findings):
        return "refused"
    return "undecided" if any(one.holds is None for one in findings) else "passes"
