"""What clients of this dialect say in headers: which version of it they speak, and which betas they want."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.core.losses import Losses

VERSION = "anthropic-version"
BETA = "anthropic-beta"
HEADERS = (VERSION, BETA)
"""Sent on to providers of this dialect."""

FIRST = "2023-06-01"
ALIKE = (FIRST, "2026-10-21")
"""Versions whose requests and answers are of one form: the second only refuses more of a request."""


def betas_of(*headers: Mapping[str, str]) -> list[str]:
    """The betas in all of these headers, each once. Names of headers are in lower case."""
    named = (name.strip() for some in headers for name in some.get(BETA, "").split(","))
    return list(dict.fromkeys(name for name in named if name))


def lose(headers: Mapping[str, str], losses: Losses) -> None:
    """For a provider of another dialect, where they mean nothing. A version of the same form is no loss."""
    if betas_of(headers):
        losses.add("field", BETA)
    lose_version(headers, losses)


def lose_version(headers: Mapping[str, str], losses: Losses) -> None:
    """For a provider that is told no version, or one of its own."""
    if headers.get(VERSION, FIRST) not in ALIKE:
        losses.add("field", VERSION)
