"""Why a comparison cannot go on for now. What was paid for is kept, and it can be gone on with."""

from __future__ import annotations

from freehold.core.errors import BadRequest, FreeholdError


class Halted(FreeholdError):
    """Nothing further can be asked: a limit of the owner is used up, or a model may not be asked."""


class BudgetSpent(Halted):
    """The budget does not allow what is wanted, and nothing that is under way will give anything back."""


class ScorerFailed(BadRequest):
    """A scorer, or a case's target, is at fault."""
