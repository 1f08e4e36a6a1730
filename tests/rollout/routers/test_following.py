"""What the ledger holds of a router's decisions is taken in once, from where it was left off."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from routers import about

from freehold.catalog.prices import PriceList
from freehold.core.decision import Decision
from freehold.ledger.feedback import Given, make_feedback, write_feedback
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.rollout.routers.following import follow
from freehold.rollout.routers.shelf import Shelved

HASH = "f" * 16


def decided(number: int, model: str) -> Call:
    call = Call(f"call_{number:032x}", 2_000_000, "chat", "openai-chat")
    call.route, call.outcome = "chat", "answered"
    call.provider, _, call.model = model.partition("/")
    reason = "good enough" if model == "two/cheap" else "none good enough"
    call.decision = Decision("learned", model, reason, facts={"incumbent": "one/dear", "router": HASH})
    return call


def say(ledger: Ledger, call: Call, value: bool, name: str = "thumbs") -> None:
    said = make_feedback(Given(value, name=name), call.id, call_us=call.started_us, at_us=1, by="key_1")
    ledger.do(lambda connection: write_feedback(connection, [said])).result(5)


def test_a_call_counts_once_however_often_something_is_said_of_it(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path / "chat.router", HASH, about())
    ledger = Ledger(tmp_path / "ledger.db", LedgerSettings(), PriceList(own={}, lists={}))
    ledger.start()
    with closing(ledger):
        history = LedgerReader(tmp_path / "ledger.db")
        cheap, dear = decided(1, "two/cheap"), [decided(number, "one/dear") for number in range(2, 40)]
        for call in (cheap, *dear):
            ledger.record(call)
        for call in dear:
            say(ledger, call, True)
        for number in range(20):  # a client that tries again and again, or changes its mind
            say(ledger, cheap, False)
            say(ledger, cheap, False, name=f"name{number}")
            watched = follow(shelved, history, 9)
    assert (watched.pairs, watched.bad_cheaper, watched.alarm_us) == (1, 1, None)
