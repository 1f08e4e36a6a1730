"""Every probe in Anthropic's dialect comes out the same where a cloud hosts that dialect."""

from __future__ import annotations

import pytest

from benchmarks.parity.__main__ import examine
from benchmarks.parity.judging import Finding

ANTHROPIC = "anthropic-messages,anthropic-messages"


def told(findings: list[Finding]) -> dict[tuple[str, str, str | None, str], tuple[object, ...]]:
    """By probe: what became of it."""
    return {
        (one.job.probe.feature, one.job.probe.name, one.job.probe.switched, one.job.mode): (
            one.verdict,
            one.losses,
            one.idle,
            one.untold,
            one.silent,
            one.reason,
        )
        for one in findings
    }


@pytest.fixture(scope="module")
def own() -> list[Finding]:
    return examine(ANTHROPIC)[0]


@pytest.mark.parametrize("hosting", ["bedrock", "vertex"])
def test_hosting_changes_nothing(own: list[Finding], hosting: str) -> None:
    wanted, found = told(own), told(examine(ANTHROPIC, hosting)[0])
    assert len(found) > 100
    assert {probe: it for probe, it in found.items() if it != wanted[probe]} == {}
