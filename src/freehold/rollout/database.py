"""The database of rollouts: opened like that of comparisons, with a history of its own."""

from __future__ import annotations

from freehold.compare import database
from freehold.store.places import Place


class Database(database.Database):
    """`rollout.db`, or its schema on a server. Whatever uses it raises StoreError when it cannot be used."""

    def __init__(self, place: Place, *, patience: float = 10.0) -> None:
        """`patience`: seconds that a server may take over one question."""
        super().__init__(place, patience=patience, history="rollout")
