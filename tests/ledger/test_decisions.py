"""A decision, and whose copy a call is, survive every form of the ledger: file, server, spool, Parquet, JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from databases import rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_samples import make_call, opened

from freehold.core.decision import Decision, Rejected
from freehold.core.ids import new_id
from freehold.ledger.exporting import Export, Target
from freehold.ledger.filters import ALL
from freehold.ledger.frames import calls_in, frame, read_frames
from freehold.ledger.reading import Entry, LedgerReader
from freehold.ledger.shown import show_call
from freehold.ledger.writer import Ledger
from freehold.store.places import Place

words = st.text(max_size=12)
facts = st.dictionaries(
    words,
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    max_size=6,
)
decisions = st.builds(
    Decision,
    policy=st.sampled_from(["weighted", "rollout", "somebody's own"]),
    chosen=words,
    reason=words,
    rejected=st.lists(st.builds(Rejected, words, words), max_size=4).map(tuple),
    facts=facts,
    rollout=st.none() | st.builds(new_id, st.just("rollout")),
    arm=st.sampled_from([None, "incumbent", "candidate"]),
)
thorough = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DECISION = Decision(
    "weighted",
    "openai/gpt-4o",
    "drawn",
    (Rejected("azure/gpt-4o", "not drawn"),),
    {"draw": 0.1 + 0.2, "weight openai/gpt-4o": 95, "sure": False, "price": None},
    "rollout_1",
    "candidate",
)


@pytest.fixture(scope="module")
def pair(module_place: Place) -> Iterator[tuple[Ledger, LedgerReader]]:
    with opened(module_place, keep_calls_days="unlimited", keep_bodies_days="unlimited") as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        yield ledger, LedgerReader(module_place)


@thorough
@given(st.lists(st.none() | decisions, min_size=1, max_size=12), st.none() | words)
def test_a_database_gives_back_every_decision(
    pair: tuple[Ledger, LedgerReader], some: list[Decision | None], mirrors: str | None
) -> None:
    ledger, reader = pair
    if mirrors is not None:
        mirrors = mirrors.replace("\0", "")
    before = reader.last_seq()
    recorded = [make_call(decision=one, mirrors=mirrors) for one in some]
    for call in recorded:
        ledger.record(call)
    assert ledger.flush(10)
    found = [entry.call for entry in reader.recorded_after(before)]
    assert [(one.decision, one.mirrors) for one in found] == [(one, mirrors) for one in some]
    assert found == recorded
    assert reader.call(recorded[0].id).call.decision == some[0]


@thorough
@given(st.lists(st.none() | decisions, min_size=1, max_size=12))
def test_a_frame_of_the_spool_gives_back_every_decision(some: list[Decision | None]) -> None:
    calls = [make_call(decision=one, mirrors="call_1" if one else None) for one in some]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(b"".join(one.data for one in frame(calls, bodies=True)))
        found = [call for one in read_frames(path) for call in calls_in(one.content) or ()]
    assert found == calls


@thorough
@given(decisions)
def test_json_tells_every_part_of_a_decision(decision: Decision) -> None:
    call = make_call(decision=decision, mirrors="call_1")
    told = json.loads(msgspec.json.encode(show_call(Entry(1, call), {})))
    assert told["mirrors"] == "call_1"
    again = msgspec.convert(told["decision"], Decision)
    assert again == decision
    assert told["decision"].keys() == set(Decision.__struct_fields__), "what is absent is null"


def test_without_a_policy_both_are_null_and_nothing_is_written(place: Place) -> None:
    with opened(place) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        assert rows(place, "SELECT decision, mirrors FROM calls") == [(None, None)]
        (entry,) = LedgerReader(place).calls()
        shown = show_call(entry, {})
        assert (shown.decision, shown.mirrors) == (None, None)


def test_people_with_a_tool_of_their_own_see_both(place: Place) -> None:
    with opened(place) as ledger:
        ledger.record(make_call(decision=DECISION, operation="mirror", mirrors="call_1"))
        assert ledger.flush(5)
        ((operation, text, mirrors),) = rows(place, "SELECT operation, decision, mirrors FROM named_calls")
        assert (operation, mirrors) == ("mirror", "call_1")
        assert json.loads(text)["facts"]["draw"] == 0.1 + 0.2


def test_a_word_of_a_decision_that_no_row_can_hold_costs_nothing_but_itself(place: Place) -> None:
    odd = msgspec.structs.replace(
        DECISION, chosen="half \ud800 pair", facts={"\udfff": "\ud800"}, rejected=(Rejected("\ud800", "x"),)
    )
    with opened(place) as ledger:
        call, good = make_call(decision=odd, mirrors="call_\ud800"), make_call(decision=DECISION)
        for one in (call, good):
            ledger.record(one)
        assert ledger.flush(5)
        reader = LedgerReader(place)
        found = reader.call(call.id).call
        assert found.decision is not None
        assert (found.decision.chosen, found.decision.facts) == ("half ? pair", {"?": "?"})
        assert found.mirrors == "call_?"
        assert reader.call(good.id).call.decision == DECISION
        assert ledger.status.dropped == 0


def test_parquet_has_both_as_text(place: Place, tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    with opened(place) as ledger:
        ledger.record(make_call(decision=DECISION))
        ledger.record(make_call(operation="mirror", mirrors="call_1"))
        assert ledger.flush(5)
        list(Export(LedgerReader(place), Target(str(tmp_path / "out")), ALL, bodies=False).run())
    table = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()
    decided, mirror = sorted(table.to_pylist(), key=lambda row: row["seq"])
    assert msgspec.json.decode(decided["decision"], type=Decision) == DECISION
    assert (decided["mirrors"], mirror["decision"], mirror["mirrors"]) == (None, None, "call_1")
