"""Only what the terms simply allow is learned from, unless somebody decides otherwise by name."""

from __future__ import annotations

from datetime import date

import pytest

from freehold.catalog.terms.terms import Terms, Verdict
from freehold.train.data.gate import Decision, Gate, notes_of

TODAY = date(2026, 11, 23)
MAKER = "somebody/model"


def _gate(verdict: Verdict, *decisions: Decision) -> Gate:
    terms = Terms(verdict=verdict, summary="", holder="Somebody", condition="Say so.")
    return Gate(lambda maker, on: terms, TODAY, {one.maker: one for one in decisions})


@pytest.mark.parametrize("verdict", ["conditional", "forbidden", "unknown"])
def test_what_is_not_simply_allowed_stays_out(verdict: Verdict) -> None:
    gate = _gate(verdict)
    assert f"`{MAKER}`" in (gate.why_not(MAKER, None) or "")
    assert not gate.may_use(MAKER, None)
    assert [one.let_in for one in gate.judged()] == [False]

    decided = _gate(verdict, Decision(maker=MAKER, reason="our contract", by="Kim"))
    assert decided.why_not(MAKER, None) is None
    assert decided.may_use(MAKER, None)
    assert "Kim: our contract" in notes_of(decided.judged())[0]


def test_what_is_allowed_needs_nobody() -> None:
    gate = _gate("allowed")
    assert gate.why_not(MAKER, None) is None
    assert gate.may_use(MAKER, None)
    assert notes_of(gate.judged()) == []
