"""Verdicts that stand: what was decided last of a candidate, for an incumbent."""

from __future__ import annotations

import sqlalchemy as sql

from freehold.compare import tables
from freehold.compare.database import Database


def replacements(database: Database, incumbent: str, route: str) -> frozenset[str]:
    """The models of which it stands that they replace `incumbent` over all classes of tasks, as `provider/name`.

    What counts is the newest comparison that came to a decision, on the calls of `route` or of no route. Raises
    StoreError.
    """
    if not database.exists:
        return frozenset()
    comparisons, verdicts = tables.comparisons.c, tables.verdicts.c
    decided = (
        sql.select(verdicts.candidate, verdicts.verdict)
        .join_from(tables.verdicts, tables.comparisons, verdicts.comparison == comparisons.id)
        .where(comparisons.incumbent == incumbent, comparisons.state == "done", verdicts.task_class == "")
        .where(sql.or_(comparisons.route == route, comparisons.route.is_(None)))
        .where(verdicts.verdict.in_(("replaces", "does not replace")))
        .order_by(verdicts.made_us, verdicts.comparison)
    )
    with database.reading() as connection:
        newest = {row.candidate: row.verdict for row in connection.execute(decided)}
    return frozenset(candidate for candidate, verdict in newest.items() if verdict == "replaces")
