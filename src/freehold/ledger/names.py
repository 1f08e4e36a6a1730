"""The numbers that stand for repeating words in the rows of calls."""

from __future__ import annotations

from sqlalchemy import Connection, select

from freehold.ledger import tables

_MOST = 20_000


class Names(dict[str | None, int | None]):
    """Word -> number. A word that is new gets its number in the database when it is first asked for."""

    def __init__(self) -> None:
        super().__init__({None: None})
        self._connection: Connection | None = None
        self._fresh: list[str] = []

    def begin(self, connection: Connection) -> None:
        """Use this connection, which is in a transaction, for new words."""
        self._connection = connection
        self._fresh.clear()
        if len(self) > _MOST:
            self.forget_all()

    def roll_back(self) -> None:
        """The transaction was undone: its new words have no number."""
        for word in self._fresh:
            self.pop(word, None)
        self._fresh.clear()

    def forget_all(self) -> None:
        """The database may be another one."""
        self.clear()
        self[None] = None

    def __missing__(self, word: str) -> int:
        connection = self._connection
        assert connection is not None
        connection.exec_driver_sql(
            "INSERT INTO names (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (word,)
        )
        number = connection.execute(select(tables.names.c.id).where(tables.names.c.name == word)).scalar_one()
        self._fresh.append(word)
        self[word] = number
        return int(number)
