"""Everything that was recorded of any provider says the same in every other dialect, or what it lost is declared."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from recordings import FOLDER, needs_recordings

from benchmarks.reality.crossings import Result, cross_all
from benchmarks.reality.exceptions import EXEMPTIONS
from benchmarks.reality.recordings import Recorded, recordings_in
from benchmarks.reality.same_answer import differences
from freehold.core.losses import Losses
from freehold.wire.dialect import Addressee
from freehold.wire.openai_chat.dialect import DIALECT as CHAT

ROOT = Path(__file__).resolve().parents[2]

UNREADABLE = {
    "spliced-message-start": "two answers in one stream, which are refused",
    "parallel-tool-call-wrapper": "its lines were folded when it was recorded",
}
"""Recordings that are none, and why."""


@cache
def crossed() -> Result:
    return cross_all(recordings_in(FOLDER))


@needs_recordings
def test_nothing_is_lost_without_a_word(show: Callable[[str], None]) -> None:
    result = crossed()
    for (what, source, target), row in sorted(result.rows.items()):
        excused = f", {row.excused} excused" if row.excused else ""
        refused = f", {row.refused} refused" if row.refused else ""
        show(f"{what}, {source} -> {target}: {row.same} of {row.tried} the same{excused}{refused}")
    lost = [one for one in result.problems if one.excuse is None]
    assert not lost, "\n".join(f"{one.recording} -> {one.target}: {one.problem[:300]}" for one in lost[:10])
    assert sum(row.tried for row in result.rows.values()) > 10_000


@needs_recordings
def test_every_exception_is_still_needed() -> None:
    used = {one.excuse for one in crossed().problems}
    assert {exemption.reason for exemption in EXEMPTIONS} <= used


@needs_recordings
def test_every_recording_is_read_but_those_that_are_none() -> None:
    unread = [said for said in crossed().unreadable if not any(name in said for name in UNREADABLE)]
    assert unread == []


def exchange(**fields: object) -> dict[str, object]:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    answer = CHAT.encode_answer(
        CHAT.decode_answer(b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"model":"m"}'),
        Addressee(request=CHAT.decode_request(json.dumps(body).encode()), id="call_1", created=1),
        Losses(),
    )
    return {
        "provider": "openai",
        "method": "POST",
        "uri": "https://api.example.com/v1/chat/completions",
        "status": 200,
        "request_body": json.dumps(body),
        "request_body_kind": "text",
        "response_body": answer.decode(),
        "response_body_kind": "text",
        **fields,
    }


STREAM = 'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings of every kind, and what is none."""
    stopped = STREAM.replace('{"content":"a"}}', '{},"finish_reason":"stop"}')
    streamed = exchange(
        response_body=f"{STREAM}\n\n{stopped}\n\ndata: [DONE]\n\n", content_type="text/event-stream"
    )
    odd = [
        exchange(uri="https://x"),
        exchange(status=None),
        exchange(request_body="{cut"),
        {"text": "no"},
        [],
    ]
    lines = [json.dumps(one) for one in (exchange(), streamed, *odd)]
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "{", "", "null"]))
    cut = gzip.compress("\n".join(lines).encode())
    (inner / "b.jsonl.gz").write_bytes(cut[:-9])
    return tmp_path


def test_other_recordings_of_the_same_form_are_read(folder: Path) -> None:
    found = recordings_in(folder)
    assert len([one for one in found if one.answer is not None]) >= 2
    assert len([one for one in found if one.frames is not None]) >= 1
    result = cross_all(found)
    assert [one for one in result.problems if one.excuse is None] == []


def test_the_command_counts_and_tells(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reality", str(folder)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["undeclared"] == 0
    assert counts["crossings"] > 10


def test_a_loss_without_a_word_is_found() -> None:
    """An answer that claims more than any encoder may leave out: the check itself has to fail on it."""
    told = CHAT.decode_answer(b'{"choices":[{"message":{"content":"Hi there"},"finish_reason":"stop"}]}')
    heard = CHAT.decode_answer(b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"length"}]}')
    found = differences(told, heard, Losses(), "gemini")
    assert len(found) == 2
    assert Recorded(name="n", dialect="openai-chat").answer is None
