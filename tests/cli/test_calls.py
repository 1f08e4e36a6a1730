"""`freehold calls` against a ledger that the real writer filled."""

from __future__ import annotations

import csv
import io
import os
import select
import signal
import subprocess
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from planted import START_US, call_number, plant
from pyarrow.dataset import dataset
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.core.usage import Usage
from freehold.ledger.record import Attempt

STREAM = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":"Hel"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"lo \xc3\xa9\\u001b[2J"}}]}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    plant(
        tmp_path,
        [
            *(call_number(number) for number in range(3)),
            call_number(3, provider="small", model="two", route="copilot"),
            call_number(4, provider="far", model="off/three", usage=Usage(), attempts=[], streamed=True),
            call_number(
                5,
                outcome="cut",
                status=502,
                error="provider_broken",
                streamed=True,
                answer_body=STREAM,
                usage=Usage(output_tokens=2, source="counted"),
                attempts=[
                    Attempt("big", "one", 0.0, 10.0, None, None, "failed", "provider_unreachable"),
                    Attempt("small", "two", 10.0, 20.0, 15.0, 200, "cut", "provider_broken"),
                ],
            ),
            call_number(6, route=None, provider=None, model=None, outcome="refused", status=404, attempts=[]),
            call_number(7, request_body=None, answer_body=None, key_id=None),
        ],
    )
    return Shell(tmp_path)


def _numbers(listed: list[dict[str, object]]) -> list[int]:
    return [int(str(one["id"]).removeprefix("call_"), 16) for one in listed]


def test_the_newest_call_comes_first(shell: Shell) -> None:
    assert _numbers(shell.json("calls")) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert _numbers(shell.json("calls", "--limit", "2")) == [7, 6]
    done = shell("calls", "-n", "2")
    header, first, second = done.stdout.splitlines()
    assert header.split()[:4] == ["STARTED", "ID", "ROUTE", "MODEL"]
    assert first.split()[2] == f"call_{7:032x}"
    assert "refused 404" in second
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (("--route", "copilot"), [3]),
        (("--provider", "big"), [7, 5, 2, 1, 0]),
        (("--model", "big/one"), [7, 5, 2, 1, 0]),
        (("--model", "two"), [3]),
        (("--model", "far/off/three"), [4]),
        (("--outcome", "cut"), [5]),
        (("--key", "key_0123", "--outcome", "refused"), [6]),
        (("--since", "2026-09-21T14:13:25Z"), [7, 6, 5]),
        (("--since", "2026-09-21T23:13:25"), [7, 6, 5]),
        (("--since", "2026-09-21T14:13:25", "--utc", "--until", "2026-09-21T14:13:27"), [6, 5]),
        (("--route", "nobody"), []),
    ],
)
def test_calls_are_selected(shell: Shell, words: tuple[str, ...], numbers: list[int]) -> None:
    assert _numbers(shell.json("calls", *words)) == numbers


def test_everything_on_record_is_there_for_programs(shell: Shell) -> None:
    cut = shell.json("calls", "--outcome", "cut")[0]
    assert cut["started"] == datetime.fromtimestamp(START_US / 1e6 + 5, UTC).isoformat(
        timespec="microseconds"
    ).replace("+00:00", "Z")
    usage = cut["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["output_tokens"], usage["source"]) == (None, 2, "counted")
    assert [name for name, value in usage.items() if value is not None] == ["output_tokens", "source"]
    assert cut["cost"] is None
    assert cut["price"] is None
    attempts = cut["attempts"]
    assert isinstance(attempts, list)
    assert attempts[0].pop("usage").keys() == usage.keys()
    assert attempts[0] == {
        "provider": "big",
        "model": "one",
        "start_ms": 0,
        "end_ms": 10,
        "first_ms": None,
        "status": None,
        "outcome": "failed",
        "error": "provider_unreachable",
        "reason": "incumbent",
    }
    first = shell.json("calls")[-1]
    assert Decimal(str(first["cost"])) == Decimal("0.0026")
    assert first["price"] == "freehold.toml big/one"


def test_what_is_unknown_is_shown_as_unknown(shell: Shell) -> None:
    line = shell("calls", "--provider", "far").stdout.splitlines()[1]
    assert line.split()[-1] == "unknown"
    assert "$0" not in line
    priced = shell("calls", "--route", "copilot").stdout.splitlines()[1]
    assert priced.split()[-1] == "$0.0000001033"


def test_times_are_local_or_utc(shell: Shell) -> None:
    assert "2026-09-21 23:13:27 " in shell("calls", "-n", "1").stdout
    assert "2026-09-21 14:13:27Z " in shell("calls", "-n", "1", "--utc").stdout


def test_numbers_are_right_aligned_and_nothing_is_cut_when_piped(shell: Shell) -> None:
    lines = shell("calls", COLUMNS="40").stdout.splitlines()
    assert "…" not in "".join(lines)
    assert len({line.rindex(" ") for line in lines if line.endswith("unknown")}) == 1
    assert len({len(line) for line in lines}) == 1


def test_a_call_is_shown_in_full_by_the_beginning_of_its_id(shell: Shell) -> None:
    cut = shell("calls", "show", f"{5:032x}")
    assert cut.returncode == 0
    for said in (
        "outcome      cut, HTTP 502, provider_broken",
        "tokens       - read, 2 written (counted by us: it ended early)",
        "cost         unknown",
        "  1. big/one: failed, no status, provider_unreachable; 0.0 ms to 10 ms",
        "  2. small/two: cut, HTTP 200, provider_broken; 10 ms to 20 ms, first after 15 ms",
        '  "model": "default"',
        "answer (a stream, put together)\n  Hello é\\x1b[2J\n",
    ):
        assert said in cut.stdout, said
    bare = shell("calls", "show", f"call_{7:032x}").stdout
    # Given up for want of room, it looks the same in the ledger.
    assert bare.count("not kept: why is not on record: keeping was switched off for this call, or ") == 2
    assert bare.count("or there was no room to keep it.") == 2
    assert "cost         $0.0026175 by freehold.toml big/one" in bare
    shown = shell.json("calls", "show", f"call_{5:032x}")[0]
    assert str(shown["answer_body"]).encode() == STREAM


def test_a_body_is_written_byte_for_byte(shell: Shell) -> None:
    with shell.start("calls", "show", f"call_{5:032x}", "--body", "answer") as command:
        assert command.communicate() == (STREAM, b"")
    none = shell("calls", "show", f"call_{7:032x}", "--body", "answer")
    assert (none.returncode, none.stdout) == (1, "")
    assert "is not kept" in none.stderr
    assert "why is not on record" in none.stderr


@pytest.mark.parametrize(
    ("which", "told"), [("call_f", "No call is called"), ("call_0", "More than one call")]
)
def test_which_call_is_meant_must_be_clear(shell: Shell, which: str, told: str) -> None:
    done = shell("calls", "show", which)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert " next: " in done.stderr


def test_an_export_as_parquet_is_a_file_a_day_and_written_once(shell: Shell, tmp_path: Path) -> None:
    words = ("calls", "export", "--format", "parquet", "--to", str(tmp_path / "out"))
    assert "8 calls of 1 day exported" in shell(*words).stderr
    table = dataset(tmp_path / "out", partitioning="hive").to_table().sort_by("seq").to_pylist()
    assert _numbers(table) == list(range(8))
    costs = [
        one["cost"]
        for one in map(msgspec.json.decode, shell("calls", "--json", "-n", "8").stdout.splitlines())
    ]
    assert sum(row["cost"] or 0 for row in table) == sum(Decimal(cost) for cost in costs if cost is not None)
    assert "0 calls of 0 days exported" in shell(*words).stderr
    for wrong in (words[:4], ("calls", "export", "--to", "out")):
        assert "`--format parquet` and `--to` belong together" in shell(*wrong).stderr


def test_an_export_holds_every_call_in_both_forms(shell: Shell) -> None:
    lines = shell("calls", "export", "--bodies")
    exported = [msgspec.json.decode(line) for line in lines.stdout.splitlines()]
    assert _numbers(exported) == list(range(8))
    assert exported[0]["request_body"] == '{"model": "default", "n": 0}'
    assert exported[7]["request_body"] is None
    assert "8 calls exported" in lines.stderr
    table = list(csv.DictReader(io.StringIO(shell("calls", "export", "--format", "csv", "--bodies").stdout)))
    assert [row["id"] for row in table] == [one["id"] for one in exported]
    for row, one in zip(table, exported, strict=True):
        assert row["cost"] == (one["cost"] or "")
        assert row["input_tokens"] == str(one["usage"]["input_tokens"] or "")
        assert msgspec.json.decode(row["attempts"]) == one["attempts"]
        assert row["answer_body"] == (one["answer_body"] or "")
        assert row["streamed"] == str(one["streamed"]).lower()
    only = shell("calls", "export", "--route", "copilot", "--since", "2026-09-21")
    assert _numbers([msgspec.json.decode(line) for line in only.stdout.splitlines()]) == [3]
    assert "body" not in msgspec.json.decode(only.stdout)


def test_options_of_the_list_are_not_swallowed_by_a_command_behind_it(shell: Shell) -> None:
    done = shell("calls", "--route", "copilot", "export")
    assert (done.returncode, done.stdout) == (1, "")
    assert "`--route` before `export` does nothing." in done.stderr


def test_without_a_ledger_there_is_nothing_to_list_and_no_error(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for words in (("calls",), ("spend",), ("keys", "list")):
        done = shell(*words)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr
        assert shell.json(*words) == []
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_call_there_is_nothing_to_show_or_export(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for words in (("show", "call_0"), ("show", "call_0", "--body", "answer"), ("show", "call_0", "--json")):
        done = shell("calls", *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert "error: No call is on record yet" in done.stderr
        assert " next: Start the endpoint" in done.stderr
    for form in ("jsonl", "csv"):
        done = shell("calls", "export", "--format", form)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "No call is on record yet.\n")
    assert list(tmp_path.iterdir()) == []


def test_following_shows_calls_as_they_are_recorded(shell: Shell) -> None:
    with shell.start("calls", "--follow", "--json", "-n", "2", "--provider", "big") as command:
        try:
            assert _numbers(_read(command, 2)) == [5, 7]
            plant(shell.folder, [call_number(8), call_number(9, provider="small"), call_number(10)])
            assert _numbers(_read(command, 2)) == [8, 10]
            for path in (shell.folder / ".freehold").glob("ledger.db*"):
                path.unlink()
            (shell.folder / ".freehold" / "ledger.db").touch(
                mode=0o600
            )  # as it is for a moment while it is made
            assert command.stdout is not None
            assert select.select([command.stdout], [], [], 1.0)[0] == []
            plant(shell.folder, [call_number(11)])
            assert _numbers(_read(command, 1)) == [11]
        finally:
            command.send_signal(signal.SIGINT)
        assert command.wait(timeout=10) == 130
        assert command.stderr is not None
        assert command.stderr.read() == b""


def test_following_waits_for_a_ledger(tmp_path: Path) -> None:
    with Shell(tmp_path).start("calls", "-f", "--json") as command:
        try:
            assert command.stdout is not None
            assert select.select([command.stdout], [], [], 1.5)[0] == []
            (tmp_path / ".freehold").mkdir(mode=0o700)
            (tmp_path / ".freehold" / "ledger.db").touch(mode=0o600)  # as it is for a moment while it is made
            assert select.select([command.stdout], [], [], 1.0)[0] == []
            plant(tmp_path, [call_number(1)])
            assert _numbers(_read(command, 1)) == [1]
        finally:
            command.send_signal(signal.SIGINT)
        assert command.wait(timeout=10) == 130


def _read(command: subprocess.Popen[bytes], count: int) -> list[dict[str, object]]:
    """So many lines of JSON, in ten seconds."""
    assert command.stdout is not None
    end = time.monotonic() + 10
    data = b""
    while data.count(b"\n") < count and time.monotonic() < end:
        if select.select([command.stdout], [], [], 0.1)[0]:
            data += os.read(command.stdout.fileno(), 65536)
    assert data.count(b"\n") == count, data
    return [msgspec.json.decode(line, type=dict[str, object]) for line in data.splitlines()]
