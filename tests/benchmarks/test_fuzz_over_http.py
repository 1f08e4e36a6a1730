"""The fuzzer over HTTP finds nothing at an endpoint that is right, and says what is wrong with one that is not."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.fuzz import over_http
from benchmarks.fuzz.over_http import Fuzzing

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a stand-in for the endpoint does with a connection."""


def says(text: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(text)
            writer.write_eof()
            await reader.read(-1)
        writer.close()

    return answer


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await reader.read(-1)
    writer.close()


def fuzzed(answer: Answer, tmp_path: Path, *, most_memory: float = 4000.0) -> Fuzzing:
    """Half a second of it against the stand-in, in this process."""

    async def run() -> Fuzzing:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        fuzzing = Fuzzing(
            f"http://127.0.0.1:{port}",
            "key",
            os.getpid(),
            over_http.seeds_in(tmp_path),
            random.Random(1),
            patience_s=0.2 if answer is says_nothing else 20.0,
            most_memory=most_memory,
        )
        await fuzzing.run(0.5)
        server.close()
        await server.wait_closed()
        return fuzzing

    return asyncio.run(run())


def test_an_endpoint_that_is_right(tmp_path: Path) -> None:
    words = ["4", "--seed", "1", "--recordings", str(tmp_path)]
    root = Path(__file__).parents[2]  # in a process of its own, whose memory it bounds
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz.over_http", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FOUND" not in done.stdout
    assert "0 findings" in done.stdout
    assert "400: " in done.stdout


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n{}"), set()),
        (says(b"HTTP/1.1 500 Internal Server Error\r\n\r\nsorry"), {"500"}),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\nTraceback (most recent"), {"a trace of the program"}),
        (says(b""), {"no answer"}),
        (says_nothing, {"no answer", "no end"}),
    ],
    ids=["right", "500", "trace", "closes", "holds"],
)
def test_a_stand_in(
    answer: Answer, found: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fuzzing = fuzzed(answer, tmp_path)
    assert fuzzing.told
    assert set(fuzzing.findings) == found
    told = capsys.readouterr().out
    assert all(f"FOUND {kind}: " in told for kind in found)
    fuzzing.sum_up()
    assert f"{fuzzing.findings.total()} findings" in capsys.readouterr().out


def test_one_that_takes_too_much_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fuzzing = fuzzed(says(b"HTTP/1.1 200 OK\r\n\r\n{}"), tmp_path, most_memory=1.0)
    assert dict(fuzzing.findings) == {"the endpoint grew": 1}
    assert "FOUND the endpoint grew" in capsys.readouterr().out


def test_one_that_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fuzzing = Fuzzing(
        "http://127.0.0.1:1", "key", os.getpid(), over_http.seeds_in(tmp_path), random.Random(1)
    )
    asyncio.run(fuzzing.run(30.0))  # and it does not go on alone
    assert set(fuzzing.findings) >= {"the endpoint is gone"}
    assert "FOUND the endpoint is gone" in capsys.readouterr().out
