"""Feedback on calls: kept once, followed by number, gone with what it is about."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from databases import change
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_samples import DAY_US, HandClock, make_call, opened, wait_until
from sqlalchemy import Connection

from freehold.core.clock import SystemClock
from freehold.core.errors import BadRequest, NotFound, Overloaded
from freehold.ledger.feedback import Feedback, Given
from freehold.ledger.opinions import MOST_NAMES, Opinions, read_given
from freehold.ledger.reading import LedgerReader, Subject
from freehold.ledger.record import Call
from freehold.ledger.writer import Ledger, LedgerStatus
from freehold.store.places import Place


class Counting:
    """A ledger that counts what it is asked to do."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.commits = 0

    @property
    def status(self) -> LedgerStatus:
        return self._ledger.status

    def flush(self, timeout: float) -> bool:
        return self._ledger.flush(timeout)

    def do(self, work: Callable[[Connection], None]) -> Future[None]:
        self.commits += 1
        return self._ledger.do(work)


def record(ledger: Ledger, **changes: Any) -> Call:
    call = make_call(**{"request_body": b"?", "answer_body": b"!", **changes})
    ledger.record(call)
    return call


def give(opinions: Opinions, call: Call, value: Any = None, *, key: str = "key_1", **more: Any) -> Feedback:
    return asyncio.run(opinions.give(call.id, Given(value=value, **more), key_id=key))


def waiting_for(held: threading.Event) -> Callable[[Connection], None]:
    def wait(_connection: Connection) -> None:
        assert held.wait(30)

    return wait


def brief(said: tuple[Feedback, ...] | list[Feedback]) -> list[tuple[str, Any, Any, Any]]:
    return [(one.name, one.number, one.text, one.correction) for one in said]


def test_every_kind_of_feedback_on_a_call_of_a_moment_ago_is_there_when_it_was_said_to_be(
    place: Place,
) -> None:
    with opened(place, flush_ms=60_000) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        call, other = record(ledger), record(ledger)  # on record in a minute, if nobody asks
        give(opinions, call, True, name="thumbs")
        give(opinions, call, 0.25, name="stars")
        give(opinions, call, "too long", name="why", correction="Short.")
        kept = give(opinions, call, correction="Rather this.")
        assert kept.kind == "correction"
        said = reader.feedback_of(call.id)
        assert brief(said) == [
            ("thumbs", 1.0, None, None),
            ("stars", 0.25, None, None),
            ("why", None, "too long", "Short."),
            ("feedback", None, None, "Rather this."),
        ]
        assert {(one.call_us, one.by) for one in said} == {(call.started_us, "key_1")}
        assert reader.call(call.id).feedback == said
        entries = {one.call.id: one.feedback for one in reader.export()}
        assert entries == {call.id: said, other.id: ()}
        assert {one.call.id: one.feedback for one in reader.calls()} == entries


def test_the_last_word_stands_and_whoever_follows_meets_it(place: Place) -> None:
    with opened(place) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        one, two = record(ledger), record(ledger)
        give(opinions, one, True)
        give(opinions, two, False)
        seen = reader.feedback_after(0)
        assert [(said.call_id, said.score) for said in seen] == [(one.id, 1.0), (two.id, 0.0)]
        assert reader.feedback_after(0, limit=1) == seen[:1]
        assert reader.feedback_after(seen[-1].seq) == []
        give(opinions, one, False)
        assert [said.number for said in reader.feedback_of(one.id)] == [0.0]
        assert [said.call_id for said in reader.feedback_after(seen[-1].seq)] == [one.id]
        assert len(reader.feedback_after(0)) == 2


def test_a_call_of_another_key_does_not_exist_for_a_key(place: Place) -> None:
    with opened(place) as ledger:
        opinions = Opinions(ledger, LedgerReader(place), SystemClock())
        call, nobodys = record(ledger), record(ledger, key_id=None)
        for one in (call, nobodys):
            with pytest.raises(NotFound, match=one.id):
                give(opinions, one, True, key="key_2")
        with pytest.raises(NotFound):
            asyncio.run(opinions.give("call_none", Given(value=True), key_id="key_1"))
        with pytest.raises(NotFound):
            asyncio.run(opinions.give(call.id[:-1], Given(value=True), key_id="key_1"))
        assert opinions.give_as(nobodys.id, Given(value=True), by="admin:bob").by == "admin:bob"
        assert LedgerReader(place).feedback_of(call.id) == ()


def test_words_are_kept_only_where_what_is_said_is_kept(place: Place) -> None:
    with opened(place) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        call = record(ledger, request_body=None, answer_body=None)
        for words in ({"value": "bad"}, {"value": True, "correction": "This."}):
            with pytest.raises(BadRequest, match="not kept"):
                give(opinions, call, **words)
        give(opinions, call, False)
        assert brief(reader.feedback_of(call.id)) == [("feedback", 0.0, None, None)]


def test_words_go_when_the_call_is_let_go_of(place: Place) -> None:
    with opened(place) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        call = record(ledger)
        give(opinions, call, 0.5, correction="Secret.")
        ledger.forget_bodies(call.id)
        assert brief(reader.feedback_of(call.id)) == [("feedback", 0.5, None, None)]


def test_words_go_with_the_bodies_and_all_of_it_with_the_calls(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_bodies_days=10, keep_calls_days=40) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, clock)
        old = record(ledger, started_us=clock.now_us)
        give(opinions, old, 0.5, correction="Old.")
        clock.now_us += 8 * DAY_US
        young = record(ledger, started_us=clock.now_us)
        give(opinions, young, "Young.")
        clock.now_us += 3 * DAY_US
        wait_until(lambda: brief(reader.feedback_of(old.id)) == [("feedback", 0.5, None, None)])
        assert brief(reader.feedback_of(young.id)) == [("feedback", None, "Young.", None)]
        clock.now_us += 31 * DAY_US
        wait_until(lambda: reader.feedback_of(old.id) == ())
        assert len(reader.feedback_of(young.id)) == 1


class LateReader(LedgerReader):
    """Looks a moment too early for the first time, as a reader does that began before a commit."""

    looked = 0

    def subject(self, call_id: str) -> Subject | None:
        self.looked += 1
        return None if self.looked == 1 else super().subject(call_id)


def test_a_call_that_is_committed_while_it_is_looked_for_is_found(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger.db") as ledger:
        call = record(ledger)
        assert ledger.flush(5)
        opinions = Opinions(ledger, LateReader(tmp_path / "ledger.db"), SystemClock())
        assert give(opinions, call, True).call_id == call.id


def test_a_call_takes_so_many_names_and_no_more(place: Place) -> None:
    with opened(place) as ledger:
        opinions = Opinions(ledger, LedgerReader(place), SystemClock())
        call = record(ledger)
        for number in range(MOST_NAMES):
            give(opinions, call, True, name=f"n{number}")
        with pytest.raises(BadRequest, match="names already"):
            give(opinions, call, True, name="another")
        give(opinions, call, False, name="n0")


def test_whoever_follows_is_told_scores_and_no_words(place: Place) -> None:
    with opened(place) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        call = record(ledger)
        give(opinions, call, 0.25, name="stars", correction="Rather this.")
        give(opinions, call, "too long", name="why")
        give(opinions, call, "wrong", name="right", correction="This. " * 10_000)
        give(opinions, call, correction="Rather that.")
        seen = reader.feedback_after(0)
        assert [one.score for one in seen] == [0.25, None, 0.0, 0.0]
        assert all(len(msgspec.json.encode(one)) < 200 for one in seen)


def test_many_at_once_are_all_kept_in_one_commit(place: Place) -> None:
    with opened(place) as ledger:
        reader = LedgerReader(place)
        counting = Counting(ledger)
        opinions = Opinions(counting, reader, SystemClock())
        calls = [record(ledger) for _ in range(30)]
        assert ledger.flush(5)
        held = threading.Event()

        async def all_together() -> None:
            blocked = ledger.do(waiting_for(held))
            said = [opinions.give(one.id, Given(value=True), key_id="key_1") for one in calls * 3]
            tasks = [asyncio.create_task(one) for one in said]
            while opinions.waiting < len(tasks):
                await asyncio.sleep(0.01)
            held.set()
            await asyncio.gather(*tasks)
            blocked.result(5)

        asyncio.run(all_together())
        assert counting.commits == 1
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: give(opinions, one, False, name="again"), calls))
        seen = reader.feedback_after(0, limit=1000)
        assert len(seen) == 60
        assert len({one.seq for one in seen}) == 60


def test_what_cannot_be_kept_is_said_and_can_be_sent_again(place: Place) -> None:
    with opened(place) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        call = record(ledger)
        give(opinions, call, True)
        change(place, "ALTER TABLE feedback RENAME COLUMN number TO numbers")
        with pytest.raises(Overloaded, match="cannot be kept") as refused:
            opinions.give_as(call.id, Given(value=False), by="bob")
        assert "again" in str(refused.value)
        change(place, "ALTER TABLE feedback RENAME COLUMN numbers TO number")
        opinions.give_as(call.id, Given(value=False), by="bob")
        assert [one.by for one in reader.feedback_of(call.id)] == ["key_1", "bob"]


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    held = threading.Event()
    with opened(tmp_path / "ledger.db") as ledger:
        opinions = Opinions(ledger, LedgerReader(tmp_path / "ledger.db"), SystemClock())
        call = record(ledger)
        assert ledger.flush(5)
        blocked = ledger.do(waiting_for(held))

        async def flood() -> list[Feedback | BaseException]:
            one = Given(value=True, correction="x" * 100_000)
            tries = [asyncio.create_task(opinions.give(call.id, one, key_id="key_1")) for _ in range(100)]
            while sum(one.done() for one in tries) < 61:
                await asyncio.sleep(0.01)
            held.set()
            return await asyncio.gather(*tries, return_exceptions=True)

        done = asyncio.run(flood())
        blocked.result(5)
        assert sum(isinstance(one, Feedback) for one in done) == 39  # of 400,500 bytes each
        assert sum(isinstance(one, Overloaded) for one in done) == 61
        give(opinions, call, True)  # and room again


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"[]", "has to be"),
        (b"{}", "says nothing"),
        (b'{"value": null}', "says nothing"),
        (b'{"value": 1.01}', r"\$.value"),
        (b'{"value": -1}', r"\$.value"),
        (b'{"value": [1]}', r"\$.value"),
        (b'{"value": "' + b"x" * 10_001 + b'"}', r"\$.value"),
        (b'{"value": true, "correction": "' + b"x" * 100_001 + b'"}', r"\$.correction"),
        (b'{"value": "a\\u0000b"}', "U\\+0000"),
        (b'{"correction": "\\u0000"}', "U\\+0000"),
        (b'{"value": true, "name": ""}', r"\$.name"),
        (b'{"value": true, "name": "two words"}', r"\$.name"),
        (b'{"value": true, "name": "thumbs\\n"}', r"\$.name"),
        (b'{"value": true, "nmae": "thumbs"}', "nmae"),
        (b"\xff", "not JSON"),
    ],
)
def test_what_is_no_feedback_is_refused_and_said_why(body: bytes, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        read_given(body).check()


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
values = st.none() | st.booleans() | st.floats(0, 1) | texts


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), values, st.none() | texts), max_size=6))
def test_whatever_is_said_comes_back_and_nothing_twice(
    tmp_path: Path, said: list[tuple[str, Any, str | None]]
) -> None:
    place = tmp_path / "ledger.db"
    with opened(place) as ledger:
        opinions = Opinions(ledger, LedgerReader(place), SystemClock())
        call = record(ledger)
        expected: dict[str, Any] = {}
        for name, value, correction in said:
            body = msgspec.json.encode({"name": name, "value": value, "correction": correction})
            if not any(isinstance(one, bool | float) or (one or "").strip() for one in (value, correction)):
                with pytest.raises(BadRequest, match="says nothing"):
                    asyncio.run(opinions.give(call.id, read_given(body), key_id="key_1"))
                continue
            asyncio.run(opinions.give(call.id, read_given(body), key_id="key_1"))
            expected.pop(name, None)
            number = None if value is None or isinstance(value, str) else float(value)
            text = value if isinstance(value, str) else None
            expected[name] = (name, number, text, correction)
        assert brief(LedgerReader(place).feedback_of(call.id)) == list(expected.values())
