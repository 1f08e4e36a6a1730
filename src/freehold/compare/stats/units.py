"""Cases that depend on each other are told to the sequential test as one."""

from __future__ import annotations


class Units:
    """Turns pairs, in the order in which they were drawn, into units that are independent of each other.

    A pair without a group is a unit. A group (a conversation, a user, a document) is one: the mean over its pairs that
    count, told when the last of its pairs is in. So what is tested is the mean over units, and not over cases: a long
    conversation weighs as much as a short one. Groups have to be drawn whole, in random order: where single cases are
    drawn, nearly all groups stay incomplete until the end.
    """

    def __init__(self, sizes: dict[str, int]) -> None:
        """`sizes`: how many cases the comparison has of each group."""
        self._left = dict(sizes)
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, group: str | None, difference: float | None) -> float | None:
        """The next pair; a difference of None is one that does not count. Returns the unit that it completes; None: it
        completes none, or nothing in it counts. Raises KeyError: the group is not known, or was complete already.
        """
        if group is None:
            return difference
        left = self._left.pop(group) - 1
        if difference is not None:
            self._sums[group] = self._sums.get(group, 0.0) + difference
            self._counts[group] = self._counts.get(group, 0) + 1
        if left:
            self._left[group] = left
            return None
        counted = self._counts.pop(group, 0)
        # The sum of numbers up to 1 may be rounded to a little more than their count.
        return max(-1.0, min(1.0, self._sums.pop(group) / counted)) if counted else None
