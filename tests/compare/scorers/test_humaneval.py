"""HumanEval's own solutions pass its tests, and broken ones do not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from scoring import answer_of, case_of, scorer
from shared_data import rows_of

from freehold.compare.scoring import Scored


def scores(rows: list[dict[str, Any]], answer: Callable[[dict[str, Any]], str]) -> list[Scored]:
    async def all_of_them() -> list[Scored]:
        one = scorer("python-tests", seconds=60)
        try:
            cases = [
                case_of({"tests": row["test"], "entry_point": row["entry_point"], "before": row["prompt"]})
                for row in rows
            ]
            work = [one.score(case, answer_of(answer(row))) for case, row in zip(cases, rows, strict=True)]
            return await asyncio.gather(*work)
        finally:
            await one.close()

    return asyncio.run(all_of_them())


def completed(row: dict[str, Any]) -> str:
    return f"{row['prompt']}{row['canonical_solution']}"


def test_every_solution_passes_and_every_broken_one_fails(show: Callable[[str], None]) -> None:
    rows = rows_of("humaneval/HumanEval.jsonl.gz")
    begun = time.monotonic()
    right = scores(rows, lambda row: row["canonical_solution"])
    took = time.monotonic() - begun
    assert [(row["task_id"], one.why) for row, one in zip(rows, right, strict=True) if one.value != 1] == []
    some = rows[::8]
    fenced = scores(some, lambda row: f"Here it is:\n```python\n{completed(row)}```\nYou are welcome.")
    assert [one.value for one in fenced] == [1.0] * len(some)
    # The first statement of the function gives back what no test wants.
    wrong = scores(rows, lambda row: f"    return '{row['task_id']}'\n{row['canonical_solution']}")
    assert [(row["task_id"], one.why) for row, one in zip(rows, wrong, strict=True) if one.value != 0] == []
    nothing = scores(some, lambda _: "    import os\n    os._exit(0)\n")
    assert {one.value for one in nothing} == {0.0}
    show(f"python-tests: {len(rows) / took:.0f} answers/s (HumanEval's solutions)")
