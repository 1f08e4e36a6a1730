"""Labels from live calls: what people said of answers that were drawn by lot, and copies that a rollout judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.catalog.prices import PriceList
from freehold.core.decision import Decision
from freehold.ledger.feedback import Given, make_feedback, write_feedback
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.rollout.archive import Archive
from freehold.rollout.database import Database
from freehold.rollout.plan import parse_plan
from freehold.rollout.routers.recorded import gather_feedback, gather_shadow
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.shadow.order import ShadowOrder
from freehold.rollout.shadow.pairs import Outcome, Pair
from freehold.rollout.terms import Rollout, Terms, Transition
from freehold.routing.decisions import Situation
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Target

OLD, NEW, OTHER = Target("one", "dear"), Target("two", "cheap"), Target("three", "x")
POLICY = Weighted({OLD.name: 1, NEW.name: 1, OTHER.name: 1}, salt="chat")


def call(number: int, *, drawn: bool = True, **changes: Any) -> Call:
    """A call whose model was drawn by lot, and answered."""
    decision = POLICY.decide(Situation("chat", (OLD, NEW, OTHER), str(number)))
    if not drawn:
        decision = msgspec.structs.replace(decision, reason="lock.conversation")
    provider, _, model = decision.chosen.partition("/")
    body = {"model": "chat", "messages": [{"role": "user", "content": f"Question {number}"}]}
    one = Call(f"call_{number:032x}", 1, "chat", "openai-chat")
    one.route, one.decision, one.provider, one.model = "chat", decision, provider, model
    one.request_body, one.answer_body = msgspec.json.encode(body), b"{}"
    return msgspec.structs.replace(one, **changes)


def keep(folder: Path, calls: list[Call], said: dict[str, Given]) -> LedgerReader:
    ledger = Ledger(folder / "ledger.db", LedgerSettings(), PriceList(own={}, lists={}))
    ledger.start()
    for one in calls:
        ledger.record(one)
    given = [make_feedback(what, call_id, call_us=1, at_us=2, by="key_1") for call_id, what in said.items()]
    if given:
        ledger.do(lambda connection: write_feedback(connection, given)).result(10)
    assert ledger.close(10)
    return LedgerReader(folder / "ledger.db")


def model_of(one: Call) -> str:
    assert isinstance(one.decision, Decision)
    return one.decision.chosen


def test_what_people_find_bad_counts_as_worse(tmp_path: Path) -> None:
    calls = [call(number) for number in range(60)]
    of_new = [one for one in calls if model_of(one) == NEW.name]
    of_other = [one for one in calls if model_of(one) == OTHER.name][: len(of_new) - 2]
    said = {one.id: Given(value=place % 2 == 0) for place, one in enumerate(of_new)}
    said |= {one.id: Given(value=0.2) for one in (*of_other, *calls) if model_of(one) != NEW.name}
    for one in [one for one in calls if model_of(one) == OTHER.name][len(of_new) - 2 :]:
        said.pop(one.id, None)
    said[of_new[0].id] = Given(correction="It is so.")
    said[of_new[1].id] = Given(value="no number")
    found = gather_feedback("chat", OLD.name, keep(tmp_path, calls, said))
    assert {name for label in found.labels for name in label.differences} == {NEW.name}
    by_prompt = {label.prompt: label.differences[NEW.name] for label in found.labels}
    expected = {
        msgspec.json.decode(one.request_body or b"")["messages"][0]["content"]: -float(
            place % 2 or place == 0
        )
        for place, one in enumerate(of_new)
        if place != 1
    }
    assert by_prompt == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"route": "other"},
        {"drawn": False},
        {"decision": None},
        {"provider": "one", "model": "fallback"},
        {"request_body": None},
    ],
)
def test_other_calls_are_no_labels(tmp_path: Path, changes: dict[str, Any]) -> None:
    number = next(number for number in range(100) if model_of(call(number)) == NEW.name)
    good, bad = call(number), call(number, **{**changes, "id": "call_" + "f" * 32})
    history = keep(tmp_path, [good, bad], {one.id: Given(value=False) for one in (good, bad)})
    assert [label.prompt for label in gather_feedback("chat", OLD.name, history).labels] == [
        f"Question {number}"
    ]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "rollout.db")) as opened:
        yield opened


def test_judged_copies_are_pairs(tmp_path: Path, database: Database) -> None:
    calls = [call(number) for number in range(3)]
    terms = Terms(incumbent=OLD, candidate=NEW, plan=parse_plan("shadow:9,cutover"))
    rollout = Rollout(id="rollout_1", route="chat", terms=terms, stage_us=1, begun_us=1)
    told = Transition(
        rollout=rollout.id, version=1, at_us=1, by="me", act="start", state="running", stage=0, reason="So."
    )
    archive, pairs = Archive(database), PairArchive(database)
    archive.begin(rollout, told)
    order = ShadowOrder(rollout=rollout.id, route="chat", stage=0, candidate=NEW, calls=9)
    for place, (one, difference) in enumerate(zip(calls, (-1.0, 0.5, None), strict=True)):
        assert pairs.claim(order, f"p{place}", one.id, 5, 1) is None
        outcome = Outcome(answered=True, cost_pico=10**9 * (place + 1))
        pair = Pair(
            id=f"p{place}",
            rollout=rollout.id,
            stage=0,
            call=one.id,
            mirror=None,
            at_us=5,
            conversation=f"c{place}",
            turn=1,
            incumbent=outcome,
            candidate=Outcome(answered=True),
            difference=difference,
        )
        pairs.finish(pair)
    history = keep(tmp_path, calls, {})
    found = gather_shadow("chat", OLD.name, archive, pairs, history)
    assert [(label.prompt, label.unit, label.differences) for label in found.labels] == [
        ("Question 0", "c0", {NEW.name: -1.0}),
        ("Question 1", "c1", {NEW.name: 0.5}),
    ]
    assert {name: (float(total), many) for name, (total, many) in found.costs.items()} == {
        OLD.name: (0.003, 2)
    }
    assert gather_shadow("chat", OTHER.name, archive, pairs, history).labels == []
