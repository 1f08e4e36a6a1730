"""The spool against a plain list: whatever is put in comes out, in its order, whoever ends when."""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledger_samples import make_call

from freehold.core.ids import new_id
from freehold.ledger.folder import Folder
from freehold.ledger.frames import calls_in, frame, read_frames
from freehold.ledger.record import Call
from freehold.ledger.runs import Counts, Process
from freehold.ledger.spool import Spool, waiting_in

KEY = b"fh-" + b"k" * 43


def process(number: int) -> Process:
    return Process(number, 100, "1", None, "here")


def calls_of(size: int) -> list[Call]:
    return [make_call(request_body=b"x" * 50, answer_body=None) for _ in range(size)]


class SpoolOverTime(RuleBasedStateMachine):
    """Processes put calls by, write some, end well or not; the next one has to find everything that is left."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="freehold-test-"))
        self.path = self.folder / "spool"
        self.number = 1
        self.spool = Spool(self.path, process(1), 10**9)
        self.left: dict[int, list[str]] = {1: []}

    def teardown(self) -> None:
        self.spool.close(Counts(0, 0, 0), 1, told=True)
        shutil.rmtree(self.folder)

    @rule(size=st.sampled_from((1, 3, 700, 2500)))
    def put(self, size: int) -> None:
        calls = calls_of(size)
        kept = self.spool.put(calls)
        assert (kept.calls, kept.refused, kept.without_bodies, kept.problem) == (size, 0, 0, None)
        self.left[self.number] += [call.id for call in calls]

    @rule(most=st.sampled_from((1, 1000, 8000)), commits=st.booleans())
    def write(self, most: int, commits: bool) -> None:
        found = self.spool.next(most)
        if found is None:
            assert self.spool.calls == 0
            return
        folder, portion = found
        ids = [call.id for call in portion.calls]
        left = self.left[folder.owner.process.started_us]
        assert left[: len(ids)] == ids
        if commits:
            self.spool.done(folder, portion)
            del left[: len(ids)]

    @rule(well=st.booleans())
    def end(self, well: bool) -> None:
        """The next process takes over. What was not read to the end of a file may come again."""
        had = self.spool.own_calls
        if well:
            self.spool.close(Counts(5, 5, 0), 9, told=True)
        else:
            for folder in (self.spool._own, *self.spool._others):
                if folder is not None:
                    folder.close(remove=False)  # as when its process is killed
        self.number += 1
        self.left[self.number] = []
        self.spool = Spool(self.path, process(self.number), 10**9)
        for folder in self.spool.take_over():
            self.spool.settled(folder)
        found = {one.owner.process.started_us: one for one in self.spool._others}
        for number, left in self.left.items():
            again = found[number].calls if number in found else 0
            assert again >= len(left)
            if again > len(left):  # the ids tell which of them are in the ledger already
                _skip(found[number], again - len(left))
        if had and well:
            assert found[self.number - 1].owner.counts == Counts(5, 5, 0)

    @precondition(lambda self: self.spool.calls == 0)
    @rule()
    def nothing_lies_about(self) -> None:
        for folder in self.spool.take_over():
            self.spool.settled(folder)
        assert list(self.path.glob("*/*.calls")) == []

    @invariant()
    def it_knows_how_much_it_holds(self) -> None:
        assert self.spool.calls == sum(map(len, self.left.values()))
        assert self.spool.own_calls == len(self.left[self.number])
        files = list(self.path.glob("*/*.calls")) if self.path.exists() else []
        assert self.spool.size == sum(file.stat().st_size for file in files)


def _skip(folder: Folder, calls: int) -> None:
    while calls > 0:
        portion = folder.next(1)
        assert portion is not None
        folder.done(portion)
        calls -= portion.counted
    assert calls == 0


SpoolOverTime.TestCase.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestSpoolOverTime = SpoolOverTime.TestCase


@settings(max_examples=40, deadline=None)
@given(harm=st.integers(0, 5000), by=st.binary(min_size=0, max_size=30), cuts=st.booleans())
def test_a_file_that_was_cut_or_damaged_gives_its_calls_up_to_there(harm: int, by: bytes, cuts: bool) -> None:
    calls = [[make_call(id=new_id("call")) for _ in range(3)] for _ in range(4)]
    frames = [next(frame(some, bodies=True)).data for some in calls]
    whole = b"".join(frames)
    at = harm % len(whole)
    damaged = whole[:at] + by + (b"" if cuts else whole[at + len(by) :])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(damaged)
        found = [call for one in read_frames(path) for call in calls_in(one.content) or ()]
    expected = [call for some in calls for call in some]
    assert found == expected[: len(found)]
    ends = [sum(map(len, frames[: number + 1])) for number in range(4)]
    assert len(found) >= 3 * sum(end <= at for end in ends)


def test_what_is_put_by_is_for_its_owner_only_and_holds_no_key(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "data" / "spool", process(1), 10**9)
    call = make_call(request_body=b'{"key":"' + KEY + b'"}', answer_body=KEY)
    assert spool.put([call]).calls == 1
    for path in (tmp_path / "data").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    found = spool.next(10)
    assert found is not None
    (kept,) = found[1].calls
    assert (kept.request_body, kept.answer_body) == (b'{"key":"fh-***"}', b"fh-***")
    assert call.answer_body == KEY, "the caller's own is left alone"
    assert waiting_in(tmp_path / "data" / "spool") == (1, spool.size, True)
    spool.close(Counts(1, 0, 0), 5, told=False)
    assert waiting_in(tmp_path / "data" / "spool")[::2] == (1, False)


def test_a_call_that_can_be_kept_in_no_form_is_counted_and_the_others_are_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", process(1), 10**9)
    odd = make_call(losses=(object(),))
    halved = make_call(reported_model="half \ud800 pair")
    kept = spool.put([make_call(), odd, halved, make_call()])
    assert (kept.calls, kept.refused) == (4, 1)
    found = spool.next(10)
    assert found is not None
    assert [call.reported_model for call in found[1].calls][1] == "half ? pair"
    assert spool.calls == 3
    spool.close(Counts(0, 0, 0), 1, told=True)
