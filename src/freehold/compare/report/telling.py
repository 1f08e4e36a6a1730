"""Which cases tell most: where the two differ by most, of every class of tasks and in both directions."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import msgspec

from freehold.compare.archive import PairRow

MANY = 20


class Candidate(msgspec.Struct, frozen=True):
    """A pair that might be shown."""

    row: PairRow
    task_class: str


class Choice:
    """Chooses while pairs go by, and holds a few of each kind only. A kind: candidate, class, and who was better."""

    def __init__(self, many: int = MANY) -> None:
        self._many = many
        self._kinds: dict[tuple[str, str, bool], list[tuple[float, int, Candidate]]] = {}

    def see(self, row: PairRow, task_class: str) -> None:
        """The next pair."""
        if not row.difference:
            return
        kind = (row.candidate, task_class, row.difference > 0)
        held = self._kinds.setdefault(kind, [])
        # Of equal differences the one that was drawn first: chance chose it, and not somebody.
        heapq.heappush(held, (abs(row.difference), -row.position, Candidate(row, task_class)))
        if len(held) > self._many:
            heapq.heappop(held)

    def chosen(self) -> list[Candidate]:
        """At most `many`, in turns of the kinds, so that none crowds out the others; the most telling kinds first."""
        queues = sorted(
            (sorted(held, key=lambda one: (-one[0], -one[1])) for held in self._kinds.values()),
            key=lambda held: (-held[0][0], held[0][2].row.difference or 0.0, -held[0][1]),
        )
        return [one for _, _, one in _in_turns(queues, self._many)]


def _in_turns(
    queues: list[list[tuple[float, int, Candidate]]], many: int
) -> Iterable[tuple[float, int, Candidate]]:
    turn, given = 0, 0
    while given < many:
        left = [held for held in queues if turn < len(held)]
        if not left:
            return
        for held in left[: many - given]:
            yield held[turn]
            given += 1
        turn += 1
