"""What is to be exported, and what came of it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from freehold.catalog.own import NAME_PATTERN
from freehold.core.errors import BadRequest
from freehold.train.export.forms import Form
from freehold.train.export.proof import Proof

MARGIN = 0.05
"""How much worse than the trained model a file may be, where nobody says otherwise."""
PREVIOUS = "previous"
"""The folder beside the models in which the last one of each name is kept aside."""
QUESTIONS = 200
"""That are asked at the most."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be exported, and what is known of it."""

    name: str
    form: Form
    model: Path
    """The folder that training left."""
    file: Path | None = None
    """A GGUF file that somebody else made of the model: it is proved and not made."""
    margin: float
    run: str
    base: str | None
    dataset: str | None
    licence: str | None
    reasoning: bool = False
    """Whether it thinks before it answers."""
    only_prove: bool = False
    """Nothing is made of what passes."""
    notes: tuple[str, ...] = ()
    """What whoever uses the model has to know, one sentence each."""


class Exported(msgspec.Struct, frozen=True):
    """What came of it."""

    proof: Proof
    folder: Path | None
    """Of what was made; of what was not let through, of its proof. None: it was only to be proved."""


def check_name(name: str) -> None:
    """Raises BadRequest: an own model cannot be called so."""
    if not re.fullmatch(NAME_PATTERN, name) or name == PREVIOUS:
        raise BadRequest(
            f"An own model cannot be called `{name}`.",
            hint="Small letters, digits, `.`, `_` and `-`, 64 at the most: `support-small`.",
            param="name",
        )
