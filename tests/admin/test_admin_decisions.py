"""Decisions and copies of calls over HTTP, as the command line tells them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from administered import Administered, administered

from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.core.decision import Decision
from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.routing.decisions import Situation
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Target

TARGETS = (Target("sim", "one"), Target("sim", "two"))
DRAWN = Weighted({"sim/one": 1, "sim/two": 1}, salt="chat").decide(Situation("chat", TARGETS, "somebody"))
DECIDED, PLAIN, COPY = (f"call_{number:032x}" for number in (1, 2, 3))


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    folder = tmp_path_factory.mktemp("decisions")
    _plant(folder)
    with administered(folder, "[local]\nenabled = false\n") as admin:
        yield admin


def _plant(folder: Path) -> None:
    (folder / ".freehold").mkdir(mode=0o700)
    prices = PriceList(own={"sim/one": (ModelPrice(Rates(input=Decimal(1), output=Decimal(1))),)}, lists={})
    ledger = Ledger(folder / ".freehold" / "ledger.db", LedgerSettings(), prices)
    ledger.start()
    for name in (DECIDED, PLAIN, COPY):
        call = Call(
            name, 1_790_000_000_000_000, "chat", "openai-chat", route="chat", provider="sim", model="one",
            usage=Usage(10, 5, source="provider"), losses=("field.seed",),
        )  # fmt: skip
        call.attempts = [Attempt("sim", "one", 0.1, 9.0, 4.0, 200, "answered")]
        if name == DECIDED:
            call.decision = DRAWN
        if name == COPY:
            call.operation, call.mirrors, call.key_id = "mirror", DECIDED, "rollout_1"
        ledger.record(call)
    assert ledger.close(10)


def test_a_decision_is_explained_to_whoever_may_see_calls(admin: Administered) -> None:
    told = admin.get(f"/calls/{DECIDED}/decision", "viewer")
    assert msgspec.convert(told["decision"], Decision) == DRAWN
    assert (told["again"], told["replayed"], told["outcome"]) == ("same", None, "answered")
    for name in (PLAIN, COPY, "call_ffff"):
        answer = admin.ask("GET", f"/calls/{name}/decision")
        assert answer.status_code == 404, answer.text
    assert DECIDED in admin.ask("GET", f"/calls/{COPY}/decision").text


def test_copies_are_listed_and_counted_only_where_they_are_asked_for(admin: Administered) -> None:
    listed = {one["id"]: one["mirrors"] for one in admin.get("/calls")["calls"]}
    assert listed == {DECIDED: None, PLAIN: None, COPY: DECIDED}
    assert [one["id"] for one in admin.get("/calls", operation="mirror")["calls"]] == [COPY]
    assert [one["calls"] for one in admin.get("/spend")["spend"]] == [2]
    (copies,) = admin.get("/spend", by="key", operation="mirror")["spend"]
    assert (copies["name"], copies["calls"]) == ("rollout_1", 1)
    assert [one["calls"] for one in admin.get("/losses")["losses"]] == [2]
