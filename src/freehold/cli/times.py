"""Moments and spans as people write and read them on the command line."""

from __future__ import annotations

from freehold.core.moments import iso, moment_after, parse_moment, parse_span

__all__ = ["iso", "moment_after", "parse_moment", "parse_span"]
