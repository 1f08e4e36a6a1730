"""How many cases of each class a sample gets."""

from __future__ import annotations

from collections.abc import Sequence


def allot(n: int, traffic: Sequence[float], there: Sequence[int], least: int) -> list[int]:
    """`n` cases over classes in proportion to their traffic, and at least `least` of each, as far as there are so many.

    Largest remainders (Hamilton's method) get what rounding leaves. A class never gets more than there are: what it
    cannot take goes to the others. With fewer than `n` there, everything is taken.
    """
    given = [0] * len(there)
    order = sorted(range(len(there)), key=lambda one: -traffic[one])
    for _ in range(least):
        for one in order:
            if sum(given) < n and given[one] < there[one]:
                given[one] += 1
    while (left := min(n, sum(there)) - sum(given)) > 0:
        room = [one for one in range(len(there)) if given[one] < there[one]]
        wanted = _wanted(n, traffic, given, room)
        total = sum(wanted.values())
        exact = {one: left * wanted[one] / total for one in room}
        more = {one: min(int(exact[one]), there[one] - given[one]) for one in room}
        if not any(more.values()):
            first = sorted(room, key=lambda one: (-(exact[one] - int(exact[one])), -traffic[one], one))[:left]
            more = dict.fromkeys(first, 1)
        for one, many in more.items():
            given[one] += many
    return given


def _wanted(n: int, traffic: Sequence[float], given: Sequence[int], room: Sequence[int]) -> dict[int, float]:
    """By how much each class is short of its share; where none is, its traffic."""
    whole = sum(traffic) or 1.0
    short = {one: max(0.0, n * traffic[one] / whole - given[one]) for one in room}
    if sum(short.values()) > 0:
        return short
    return {one: traffic[one] or 1.0 for one in room}
