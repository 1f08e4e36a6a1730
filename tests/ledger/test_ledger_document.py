"""What `docs/ledger.md` says is what is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

from freehold.ledger.runs import Gap, Run
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.tables import metadata

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "ledger.md").read_text()


def test_every_column_of_every_table_is_explained_and_no_other() -> None:
    explained: dict[str, list[str]] = {}
    named: list[str] = []
    for line in DOCUMENT.partition("| table | column |")[2].splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 3 and "`" in cells[2]:
            named = re.findall(r"`(\w+)`", cells[1]) or named
            for table in named:
                explained.setdefault(table, []).extend(re.findall(r"`(\w+)`", cells[2]))
    assert {name: set(columns) for name, columns in explained.items()} == {
        table.name: set(table.c.keys()) for table in metadata.sorted_tables
    }


def test_the_settings_and_their_defaults_are_named() -> None:
    settings = LedgerSettings()
    assert f"| `keep_bodies_days` | {settings.keep_bodies_days} days |" in DOCUMENT
    assert settings.keep_bodies_bytes == 2_000_000_000
    assert settings.keep_rollups_days == "unlimited"
    assert "| `keep_rollups_days` | unlimited |" in DOCUMENT
    assert "| `keep_bodies_bytes` | 2 GB |" in DOCUMENT
    assert f"| `keep_calls_days` | {settings.keep_calls_days} days |" in DOCUMENT
    assert f"{settings.flush_ms} ms (`flush_ms`)" in DOCUMENT
    assert f"`queue_bytes` ({settings.queue_bytes // 1_000_000} MB" in DOCUMENT


def test_every_reason_of_a_gap_and_every_ending_is_explained() -> None:
    sources = " ".join(
        path.read_text()
        for path in (Path(__file__).parent.parent.parent / "src/freehold/ledger").glob("*.py")
    )
    for reason in (
        "killed",
        "in flight",
        "queue full",
        "closed",
        "dropped",
        "unrecordable",
        "removed",
        "damaged",
    ):
        assert f"`{reason}`" in DOCUMENT
        assert f'"{reason}"' in sources
    endings = list(get_args(get_args(get_type_hints(Run)["ending"])[0]))
    assert endings == ["clean", "killed"]
    assert all(f"`{ending}`" in DOCUMENT for ending in endings)
    assert Gap.__struct_fields__ == ("run", "reason", "detail", "from_us", "until_us", "calls")
