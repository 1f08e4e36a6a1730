"""A ledger that looks as if it had been in use for long: one of its calls, over and over."""

from __future__ import annotations

from pathlib import Path

from databases import change, rows

from freehold.store.places import Place


def count_calls(place: Place) -> int:
    """How many rows there are, whatever sums say."""
    return int(rows(place, "SELECT count(*) FROM calls")[0][0])


def multiply_calls(place: Place, times: int, *, days_ago: float = 0.0) -> None:
    """Add copies of the first call on record, with ids of their own, a millisecond apart. No sum knows of them."""
    if isinstance(place, Path):
        names = [row[1] for row in rows(place, "PRAGMA table_info(calls)")]
        numbers = (
            f"(WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < {times})"
            " SELECT g FROM n)"
        )
    else:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'calls'"
        names = [row[0] for row in rows(place, f"{query} AND table_schema = 'freehold_ledger'")]
        numbers = f"(SELECT g FROM generate_series(1, {times}) AS g)"
    changed = {
        "id": "first.id || 'copy' || (SELECT count(*) FROM calls) || '-' || n.g",
        "started_us": f"first.started_us - {int(days_ago * 86_400) * 10**6} - n.g * 1000",
    }
    copied = [name for name in names if name != "seq"]
    values = ", ".join(changed.get(name, f"first.{name}") for name in copied)
    first = "(SELECT * FROM calls ORDER BY seq LIMIT 1)"
    change(
        place,
        f"INSERT INTO calls ({', '.join(copied)}) SELECT {values} FROM {first} AS first, {numbers} AS n",
    )
