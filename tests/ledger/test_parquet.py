"""What is exported as Parquet equals the ledger, day by day, and is written once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_samples import DAY_US, NOON_US, HandClock, make_call, opened, wait_until
from object_store import KEY_ID, ObjectStore, storing
from test_rollups import PRICES, calls, record

from freehold.core.errors import BadRequest, StoreError
from freehold.ledger.exporting import Export, Exported, Target
from freehold.ledger.filters import ALL, Filter
from freehold.ledger.reading import Entry, LedgerReader
from freehold.ledger.record import Call
from freehold.store.places import Place


def export(
    reader: LedgerReader, to: str | Path, chosen: Filter = ALL, *, bodies: bool = False
) -> list[Exported]:
    return list(Export(reader, Target(str(to)), chosen, bodies=bodies).run())


def read(folder: Path) -> list[dict[str, Any]]:
    """What another program reads: the rows in the order of `seq`."""
    table = ds.dataset(folder, partitioning="hive").to_table()
    return sorted(table.to_pylist(), key=lambda row: row["seq"])


def expected(entry: Entry) -> dict[str, object]:
    call, usage = entry.call, entry.call.usage
    return {
        "id": call.id,
        "started": call.started_us,
        "operation": call.operation,
        "key": call.key_id,
        "route": call.route,
        "model": call.model,
        "outcome": call.outcome,
        "error": call.error,
        "streamed": call.streamed,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "usage_source": usage.source,
        "duration_us": round(call.duration_ms * 1000),
        "first_token_us": None if call.first_token_ms is None else round(call.first_token_ms * 1000),
        "attempts": [(one.provider, one.status, one.reason) for one in call.attempts],
        "losses": list(call.losses),
        "raw_usage": None if call.raw_usage is None else call.raw_usage.decode(),
        "cost": entry.cost.amount,
        "price": entry.cost.row,
        "request_digest": entry.request_digest,
    }


def told(row: dict[str, Any]) -> dict[str, object]:
    started = row["started"]
    return {name: row[name] for name in expected(Entry(0, make_call()))} | {
        "started": int(started.timestamp()) * 1_000_000 + started.microsecond,
        "attempts": [(one["provider"], one["status"], one["reason"]) for one in row["attempts"]],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where exports go."""
    return tmp_path / "out"


@given(made=st.lists(calls, min_size=1, max_size=40))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_exported_is_the_ledger(
    places: Callable[[], Place], tmp_path: Path, made: list[Call]
) -> None:
    folder = tmp_path / f"export-{os.urandom(4).hex()}"
    reader = record(places(), made)
    done = export(reader, folder)
    assert sum(one.calls for one in done) == len(made)
    rows = read(folder)
    assert [told(row) for row in rows] == [expected(entry) for entry in reader.export()]
    assert [str(row["day"]) for row in rows] == [str(row["started"].date()) for row in rows]
    cost = pc.sum(ds.dataset(folder, partitioning="hive").to_table(columns=["cost"])["cost"]).as_py()
    assert (cost or 0) == sum(Decimal(PRICES[call.model]) for call in made if call.model in PRICES)


def test_a_day_is_written_once_and_again_when_it_has_changed(place: Place, folder: Path) -> None:
    reader = record(
        place, [make_call(started_us=NOON_US + day * DAY_US, request_body=b"?") for day in (0, 0, 1)]
    )
    assert export(reader, folder) == [Exported("2024-10-04", 2, True), Exported("2024-10-05", 1, True)]
    assert sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()) == [
        "day=2024-10-04/calls.parquet",
        "day=2024-10-05/calls.parquet",
    ]
    first = (folder / "day=2024-10-04/calls.parquet").stat()
    record(place, [make_call(started_us=NOON_US + DAY_US)])
    assert export(reader, folder) == [Exported("2024-10-04", 2, False), Exported("2024-10-05", 2, True)]
    assert (folder / "day=2024-10-04/calls.parquet").stat().st_mtime_ns == first.st_mtime_ns
    # Of an export that was interrupted nothing is there, or the rest of a file that nobody takes for one.
    (folder / "day=2024-10-04/calls.parquet").write_bytes(b"PAR1 and half of it")
    assert export(reader, folder) == [Exported("2024-10-04", 2, True), Exported("2024-10-05", 2, False)]
    with pytest.raises(BadRequest, match=r"holds another selection of calls: \{\}"):
        export(reader, folder, Filter(route="copilot"))
    with pytest.raises(BadRequest, match="another selection"):
        export(reader, folder, bodies=True)


def test_a_selection_its_days_and_bodies(place: Place, folder: Path) -> None:
    made = [
        make_call(started_us=NOON_US + day * DAY_US, route=f"r{day % 2}", request_body=b"asked %d" % day)
        for day in range(5)
    ]
    reader = record(place, made)
    chosen = Filter(route="r0", since_us=NOON_US + DAY_US, until_us=NOON_US + 4 * DAY_US - DAY_US // 2)
    assert export(reader, folder, chosen, bodies=True) == [Exported("2024-10-06", 1, True)]
    (row,) = read(folder)
    assert (row["request_body"], row["answer_body"], row["route"]) == (b"asked 2", None, "r0")


def test_a_day_of_which_calls_were_deleted_is_not_written_again(place: Place, folder: Path) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_calls_days=10) as ledger:
        for _ in range(3):
            ledger.record(make_call(started_us=NOON_US))
        assert ledger.flush(5)
        reader = LedgerReader(place)
        export(reader, folder)
        clock.now_us += 30 * DAY_US
        wait_until(lambda: reader.calls() == [])
        late = make_call(started_us=NOON_US + 1)
        ledger.record(late)
        assert ledger.flush(5)
        assert export(reader, folder) == [Exported("2024-10-04", 3, False)]
    assert len(read(folder)) == 3


def test_columns_have_types(tmp_path: Path) -> None:
    reader = record(tmp_path / "ledger.db", [make_call(started_us=NOON_US)])
    export(reader, tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out/day=2024-10-04/calls.parquet")
    types = {
        name: str(schema.field(name).type)
        for name in ("started", "cost", "input_tokens", "status", "streamed")
    }
    assert types == {
        "started": "timestamp[us, tz=UTC]",
        "cost": "decimal128(38, 12)",
        "input_tokens": "int64",
        "status": "int16",
        "streamed": "bool",
    }


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    values = {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with storing() as one:
        yield one


def test_to_s3_in_parts_signed_and_once(store: ObjectStore, tmp_path: Path) -> None:
    large = [
        make_call(started_us=NOON_US + number, request_body=os.urandom(1_000_000), answer_body=os.urandom(10))
        for number in range(14)
    ]
    reader = record(
        tmp_path / "ledger.db", [*large, make_call(started_us=NOON_US + DAY_US, request_body=b"small")]
    )

    def to_s3() -> list[Exported]:
        target = Target("s3://evidence/calls/", endpoint=store.url)
        return list(Export(reader, target, ALL, bodies=True).run())

    assert to_s3() == [Exported("2024-10-04", 14, True), Exported("2024-10-05", 1, True)]
    assert store.uploads >= 1
    assert not store.parts
    assert sorted(store.objects) == [
        "evidence/calls/day=2024-10-04/calls.parquet",
        "evidence/calls/day=2024-10-05/calls.parquet",
    ]
    assert to_s3() == [Exported("2024-10-04", 14, False), Exported("2024-10-05", 1, False)]
    assert store.unsigned == []
    for path, content in store.objects.items():
        file = tmp_path / path.removeprefix("evidence/")
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    bodies = {row["id"]: row["request_body"] for row in read(tmp_path / "calls")}
    assert bodies == {one.call.id: one.call.request_body for one in reader.export(with_bodies=True)}
    store.fail_puts = True
    record(tmp_path / "ledger.db", [make_call(started_us=NOON_US + DAY_US)])
    with pytest.raises(StoreError, match="`s3://evidence/calls` cannot be written"):
        to_s3()


def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    """A process of its own exports 75 MB of bodies within 35 MB more than it takes for 5 MB."""
    code = (
        "import sys; from pathlib import Path; from freehold.ledger.exporting import *; import resource\n"
        "list(Export(LedgerReader(Path(sys.argv[1])), Target(sys.argv[2]), Filter(), bodies=True).run())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(name: str, count: int) -> int:
        made = [make_call(started_us=NOON_US + n, request_body=os.urandom(25_000)) for n in range(count)]
        record(tmp_path / f"{name}.db", made)
        command = [sys.executable, "-c", code, str(tmp_path / f"{name}.db"), str(tmp_path / name)]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) * 1024

    assert peak("many", 3000) - peak("few", 200) < 35_000_000
