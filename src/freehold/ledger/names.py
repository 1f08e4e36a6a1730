"""The numbers that stand for repeating words in the rows of calls."""

from __future__ import annotations

from sqlalchemy import Connection, select

from freehold.ledger import tables

MOST = 20_000
"""Words of which the numbers are kept in mind."""


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
        if len(self) > MOST:
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


class LearnedNames(dict[str | None, int | None]):
    """Word -> number, on a server. Words that are not known count as 0 until they were all looked up together."""

    def __init__(self) -> None:
        super().__init__({None: None})
        self.missing: set[str] = set()
        """Words that were asked for in vain."""

    def begin(self) -> None:
        """Other calls are to be written than those before. What they ask for is kept in mind until the next time."""
        self.missing.clear()
        if len(self) > MOST:
            self.forget_all()

    def forget_all(self) -> None:
        """The database may be another one."""
        self.clear()
        self[None] = None

    def look_up(self, connection: Connection) -> dict[str | None, int | None]:
        """The numbers of the missing words; those that are new get theirs. To be committed at once, and to be taken
        over only then: a number that was not committed means nothing, or soon another word.
        """
        kept = {word: _holdable(word) for word in self.missing}
        words = sorted(set(kept.values()))  # everybody in the same order, or two could wait for each other
        connection.exec_driver_sql(_NEW_WORDS, (words,))
        numbers = {row.name: row.id for row in connection.exec_driver_sql(_THEIR_NUMBERS, (words,))}
        return {word: numbers[told] for word, told in kept.items()}

    def __missing__(self, word: str) -> int:
        self.missing.add(word)
        return 0


_NEW_WORDS = """
    INSERT INTO names (name)
    SELECT word FROM unnest(%s::text[]) word WHERE NOT EXISTS (SELECT FROM names WHERE name = word)
    ON CONFLICT DO NOTHING"""
_THEIR_NUMBERS = "SELECT id, name FROM names WHERE name = ANY(%s::text[])"


def _holdable(word: str) -> str:
    """The word without what no text on a server can hold."""
    return word.replace("\0", "\ufffd").encode(errors="replace").decode()
