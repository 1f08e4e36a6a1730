"""The document: a summary, a table for each inbound dialect, and what the names in it mean."""

from __future__ import annotations

from benchmarks.parity.judging import Cell, Finding


def counts(table: list[Cell], expected: int) -> dict[str, int]:
    """How many cells there are of each kind; `expected` 0: as many as there are."""
    verdicts = [cell.verdict for cell in table]
    found = {
        "cells": max(expected, len(table)),
        **{name: verdicts.count(name) for name in ("same", "declared", "refused", "silent")},  # type: ignore[arg-type]
    }
    found["empty"] = found["cells"] - len(table) + verdicts.count(None)
    return found


def render(findings: list[Finding], table: list[Cell], found: dict[str, int]) -> str:
    """As Markdown."""
    return ""
