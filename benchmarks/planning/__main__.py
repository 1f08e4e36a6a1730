"""The planner beside runs whose cost was published, and beside speeds that were measured: the tables of
`docs/planning.md`.
"""

from __future__ import annotations

from benchmarks.planning import published, served

print(f"{published.table()}\n{served.table()}", end="")
