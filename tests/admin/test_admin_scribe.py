"""What the endpoint does by itself is written down, at once or when the database is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from freehold.access.audit import AuditLog
from freehold.office.scribe import Scribe


def test_acts_are_written_in_their_order(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "access.db")

    async def run() -> None:
        scribe = Scribe(log)
        writing = asyncio.create_task(scribe.run())
        for number in range(3):
            scribe.note("reload", "configuration.change", str(number), {})
        async with asyncio.timeout(10):
            while len(log.newest()) < 3:
                await asyncio.sleep(0.01)
        writing.cancel()
        scribe.note("reload", "configuration.change", "3", {})
        await scribe.finish()

    asyncio.run(run())
    assert [one.subject for one in log.all()] == ["0", "1", "2", "3"]
    assert log.verify().good


def test_what_cannot_be_written_before_the_end_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "access.db").mkdir()  # nothing can be opened there
    log = AuditLog(tmp_path / "access.db")

    async def run() -> None:
        scribe = Scribe(log)
        scribe.note("reload", "configuration.change", "freehold.toml", {"after": "12ab"})
        await scribe.finish()

    asyncio.run(run())
    assert "not in the audit log: reload configuration.change freehold.toml {'after': '12ab'}" in caplog.text
