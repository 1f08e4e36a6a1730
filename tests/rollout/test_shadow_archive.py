"""Whatever happens to copies, no stage has more of them than it is to have, or spends more."""

from __future__ import annotations

import tempfile
import threading
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from shadowed import ROLLOUT, order_of

from freehold.rollout.database import Database
from freehold.rollout.shadow.archive import COPIED_BEFORE, SPENT, USED_UP, PairArchive
from freehold.rollout.shadow.pairs import Outcome, Pair
from freehold.store.places import Place

DAY_US = 86_400_000_000
CALLS, BUDGET, WORST = 6, 100, 30


def pair_of(name: str, cost: int | None, at_us: int = 0, difference: float | None = None) -> Pair:
    return Pair(
        id=name,
        rollout=ROLLOUT,
        stage=0,
        call=f"call_{name}",
        mirror="call_m",
        at_us=at_us,
        conversation="c",
        turn=1,
        incumbent=Outcome(answered=True),
        candidate=Outcome(answered=True, cost_pico=cost),
        difference=difference,
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["claim", "finish", "fail", "release", "abandon", "die"]),
            st.one_of(st.none(), st.integers(0, WORST)),
        ),
        max_size=40,
    )
)
def test_no_order_of_events_overruns_the_stage(events: list[tuple[str, int | None]]) -> None:
    order = order_of(calls=CALLS, budget_pico=BUDGET)
    with tempfile.TemporaryDirectory() as folder, closing(Database(Path(folder) / "rollout.db")) as database:
        archive = PairArchive(database)
        under_way: list[str] = []
        now_us, spent, finished, sent = DAY_US, 0, 0, 0
        for number, (what, cost) in enumerate(events):
            if what == "claim":
                if archive.claim(order, f"p{number}", f"call_p{number}", now_us, WORST) is None:
                    under_way.append(f"p{number}")
                    sent += 1
            elif under_way:
                one = under_way.pop(0)
                if what in {"finish", "fail"}:
                    archive.finish(pair_of(one, cost, difference=0.5 if what == "finish" else None))
                    finished += 1
                    spent += WORST if cost is None else cost
                elif what == "release":
                    archive.release(one)
                    sent -= 1
                elif what == "abandon":
                    archive.abandon(one)
                    spent += WORST
                else:  # its process was killed, long ago
                    now_us += DAY_US
                    spent += WORST * (1 + len(under_way))
                    under_way.clear()
            tally = archive.tally(ROLLOUT, 0, now_us)
            assert tally.claimed == finished + len(under_way) <= CALLS
            assert tally.finished == finished
            assert tally.spent_pico == spent + WORST * len(under_way) <= BUDGET
        seqs = [one.seq for one in archive.after(ROLLOUT, 0)]
        assert seqs == list(range(1, finished + 1))


def test_copies_whose_process_was_killed_are_made_again(place: Place) -> None:
    minute_us = 60_000_000
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        assert archive.claim(order_of(calls=2), "a", "call_1", DAY_US, 5) is None
        assert archive.claim(order_of(calls=2), "b", "call_2", DAY_US, 5) is None
        later_us = DAY_US + minute_us
        archive.keep_alive(["a"], later_us)
        assert archive.tally(ROLLOUT, 0, later_us).claimed == 1
        assert archive.claim(order_of(calls=2), "c", "call_3", later_us, 5) is None
        assert archive.claim(order_of(calls=2), "d", "call_4", later_us, 5) == USED_UP
        assert archive.tally(ROLLOUT, 0, later_us).spent_pico == 15


def test_copies_whose_process_was_killed_before_the_clock_was_set_back_are_made_again(place: Place) -> None:
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        for one in ("a", "b"):
            assert archive.claim(order_of(calls=2), one, f"call_{one}", 2 * DAY_US, 5) is None
        archive.keep_alive(["a"], DAY_US + 5_000_000)  # by another process's clock, which goes ahead a little
        assert archive.tally(ROLLOUT, 0, DAY_US).claimed == 1
        assert archive.claim(order_of(calls=2), "c", "call_c", DAY_US, 5) is None
        assert archive.claim(order_of(calls=2), "d", "call_d", DAY_US, 5) == USED_UP
        assert archive.tally(ROLLOUT, 0, DAY_US).spent_pico == 15


def test_a_call_is_copied_once(place: Place) -> None:
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        assert archive.claim(order_of(), "a", "call_1", DAY_US, 0) is None
        assert archive.claim(order_of(), "b", "call_1", DAY_US, 0) == COPIED_BEFORE
        assert archive.claim(order_of(rollout="rollout_2"), "c", "call_1", DAY_US, 0) is None


def test_processes_that_claim_at_once_share_what_there_is(place: Place) -> None:
    order = order_of(calls=20)
    got: list[str] = []

    def work(worker: int) -> None:
        with closing(Database(place)) as database:
            archive = PairArchive(database)
            for number in range(15):
                name = f"{worker}-{number}"
                if archive.claim(order, name, f"call_{name}", DAY_US, 0) is None:
                    got.append(name)
                    archive.finish(pair_of(name, 1))

    with closing(Database(place)) as database:
        PairArchive(database).tally(ROLLOUT, 0, DAY_US)  # makes the tables
    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        pairs = archive.after(ROLLOUT, 0)
        assert len(got) == 20
        assert sorted(one.id for one in pairs) == sorted(got)
        assert [one.seq for one in pairs] == list(range(1, 21))
        assert archive.after(ROLLOUT, 18) == pairs[18:]
        assert archive.after(ROLLOUT, 0, limit=5) == pairs[:5]


def test_stages_have_their_own_number_of_copies(place: Place) -> None:
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        assert archive.claim(order_of(calls=1), "a", "call_1", DAY_US, 5) is None
        assert archive.claim(order_of(calls=1), "b", "call_2", DAY_US, 5) == USED_UP
        assert archive.claim(order_of(calls=1, stage=3), "c", "call_3", DAY_US, 5) is None
        assert archive.tally(ROLLOUT, 3, DAY_US).claimed == 1


def test_budget_is_of_all_stages_together(place: Place) -> None:
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        assert archive.claim(order_of(budget_pico=10), "a", "call_1", DAY_US, 6) is None
        assert archive.claim(order_of(budget_pico=10, stage=1), "b", "call_2", DAY_US, 5) == SPENT
        assert archive.claim(order_of(budget_pico=10, stage=1), "c", "call_3", DAY_US, 4) is None
        assert archive.tally(ROLLOUT, 1, DAY_US).spent_pico == 10


def test_what_was_not_copied_adds_up(place: Place) -> None:
    with closing(Database(place)) as database:
        archive = PairArchive(database)
        archive.pass_over({(ROLLOUT, "a"): 2, ("rollout_2", "a"): 1})
        archive.pass_over({(ROLLOUT, "a"): 1, (ROLLOUT, "b"): 7})
        assert list(archive.passed_over(ROLLOUT).items()) == [("b", 7), ("a", 3)]
        assert archive.passed_over("rollout_3") == {}
