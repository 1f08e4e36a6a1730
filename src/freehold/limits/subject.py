"""Whom a call counts for, whom it asks, and the most it can use."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Whom a call counts for. Limits on what is None do not apply to it."""

    key_id: str | None
    team: str | None
    user: str | None
    route: str | None
    key_name: str | None = None
    """A limit may name keys by their ids or by their names."""


class Worst(msgspec.Struct, frozen=True, gc=False):
    """The most that an attempt can use, as far as the request says."""

    input_tokens: int
    """An upper bound."""
    output_tokens: int | None
    """An upper bound for all answers together; None: the request sets none, so that the model's own holds."""
    answers: int = 1
    """How many are asked for at once."""
    free: bool = False
    """The provider bills nothing for it, as with counts of tokens: only how many there are is limited."""


class Target(Protocol):
    """A model as a plan names it."""

    @property
    def provider(self) -> str:
        """Name of the provider in the configuration."""

    @property
    def model(self) -> str:
        """The provider's own name for the model."""
