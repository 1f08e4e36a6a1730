"""Places that many share, of which nobody can take so many that none is left for others."""

from __future__ import annotations


class Places:
    """So many places. Whoever has some gets another only while at least as many are free: alone half of them and one
    more at most, and a newcomer one as long as there are any.
    """

    __slots__ = ("_most", "_taken", "_used")

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._taken: dict[str | None, int] = {}
        """By who has them; nobody has none."""

    def take(self, who: str | None) -> bool:
        """Take one, which is then to be given back; False when there is none for `who`."""
        own = self._taken.get(who, 0)
        free = self._most - self._used
        if free < 1 or own > free:
            return False
        self._used += 1
        self._taken[who] = own + 1
        return True

    def give_back(self, who: str | None) -> None:
        """Somebody else may have it."""
        self._used -= 1
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]
