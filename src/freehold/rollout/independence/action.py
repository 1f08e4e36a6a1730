"""The one action that would raise the score most: everything that could be done is reckoned through."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from freehold.rollout.independence.cells import Cell, Way
from freehold.rollout.independence.score import by_calls, independence_of, worst_of
from freehold.rollout.independence.weights import SAMPLE, share_at_least

ALPHA = 0.05
"""What `freehold compare` promises unless it is told otherwise."""
BEST_PARITY = share_at_least(SAMPLE, SAMPLE)
"""Where all requests of a whole sample arrive."""
_MOST_LOOKED_AT = 8
_NOTHING = 1e-9
_FAR = 1e9
"""How far a price is away that nobody knows, or that is nothing."""


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a route could be compared with."""

    route: str
    model: str
    house: str
    own: bool = False
    configured: bool = False
    dearer: float | None = None
    """What it costs for each dollar of the incumbent's; None: not known."""
    refuted: tuple[str, ...] = ()
    """Classes of tasks in which a comparison says that it does not replace the incumbent."""
    suite: str | None = None
    """The name of the suite that the route was compared on last; None: there is none yet."""
    stale: bool = False
    """A verdict says that it replaces, which counts less by now or not at all."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and what the score would be then."""

    text: str
    command: str | None = None
    gain: float
    """Points of the score, of 100, at the most: a comparison may say no."""
    score_then: float
    provider: str
    """Whose loss it is about."""


def best_action(
    cells: Sequence[Cell], possible: Sequence[Possible], parity_of: Callable[[Possible], float | None]
) -> Action | None:
    """None: nothing that is known of would raise it. `parity_of`: the share of requests that would arrive there whole,
    at least, None where nobody can tell. It takes a while, so it is asked of those alone that may be the best.
    """
    now = worst_of(cells)
    if now is None:
        return None
    score, house = now
    if house is None:
        return None
    here = independence_of(cells, lambda cell: cell.left(house), by_calls) or 0.0

    def weigh(one: Possible, parity: float | None) -> _Weighed:
        then = [_with(cell, one, house, BEST_PARITY if parity is None else parity) for cell in cells]
        after = worst_of(then)
        there = independence_of(then, lambda cell: cell.left(house), by_calls) or 0.0
        assert after is not None
        return _Weighed(one, gain=after[0] - score, of_this=there - here, score=after[0])

    hopeful = sorted(
        (weigh(one, None) for one in possible if one.house != house), key=_Weighed.rank, reverse=True
    )
    best: _Weighed | None = None
    for hope in hopeful[:_MOST_LOOKED_AT]:
        if best is not None and best.rank() >= hope.rank():
            break  # the others are no better even if all of their requests arrive
        found = weigh(hope.possible, parity_of(hope.possible))
        if found.of_this > _NOTHING and (best is None or found.rank() > best.rank()):
            best = found
    if best is not None:
        return best.action(house)
    return next(_without_models(cells, possible, house, score), None)


class _Weighed(msgspec.Struct, frozen=True):
    """A model, and what a good verdict on it would bring."""

    possible: Possible
    gain: float
    """Of the score, 0 … 1."""
    of_this: float
    """Of the independence of the worst provider, which may be more: another may be as bad."""
    score: float

    def rank(self) -> tuple[float, ...]:
        """What is higher is better: what it brings, and of equals what is likeliest to be found as good: a model that
        is at hand, that was found so before, and whose price is the closest to what is paid now.
        """
        one = self.possible
        away = abs(math.log(one.dearer)) if one.dearer else _FAR
        return (self.gain, self.of_this, one.configured, one.stale, -away, one.own)

    def action(self, house: str) -> Action:
        """As it is told."""
        one = self.possible
        text = f"Compare `{one.model}` with the incumbent of `{one.route}`{' again' if one.stale else ''}."
        if self.gain < self.of_this - _NOTHING:
            points = f"{100 * self.of_this:.0f} points"
            text += f" The loss of `{house}` would then cost {points} less; that of another is as bad."
        return Action(
            text=text,
            command=_command(one),
            gain=100 * self.gain,
            score_then=100 * self.score,
            provider=house,
        )


def _with(cell: Cell, one: Possible, house: str, parity: float) -> Cell:
    """The cell as it would be with a good verdict."""
    about = cell.route == one.route and cell.house == house and cell.operation == "chat"
    if not about or cell.task_class in one.refuted:
        return cell
    way = Way(
        model=one.model,
        house=one.house,
        own=one.own,
        proof="verdict",
        sure=1 - ALPHA,
        parity=parity,
    )
    return msgspec.structs.replace(cell, ways=(*cell.ways, way))


def _command(one: Possible) -> str:
    compare = f"freehold compare {shlex.quote(one.route)} --with {shlex.quote(one.model)} --suite"
    if one.suite is not None:
        return f"{compare} {shlex.quote(one.suite)}"
    suite = shlex.quote(f"{one.route}-calls")
    return f"freehold suite sample {shlex.quote(one.route)} --name {suite} --scorer KIND && {compare} {suite}"


def _without_models(
    cells: Sequence[Cell], possible: Sequence[Possible], house: str, score: float
) -> Iterator[Action]:
    """What is to be done where no comparison would help."""
    lost: Mapping[str, float] = _lost_by(cells, house)
    total = sum(one.calls for one in cells)
    direct = sum(
        lost.get(one.route, 0.0) for one in {cell.route: cell for cell in cells}.values() if "/" in one.route
    )
    most = max(lost, key=lambda route: lost[route], default=None)
    if most is None or lost[most] <= 0:
        return
    if direct and "/" in most:
        share = (1 - ALPHA) * BEST_PARITY * lost[most] / total
        text = f"Put a route in front of `{most}`, which applications call by its own name, and have them call that."
    elif not any(one.house != house for one in possible):
        share = (1 - ALPHA) * BEST_PARITY * lost[most] / total
        text = f"Configure a model of another provider than `{house}`: there is none that could take `{most}` over."
    else:
        return
    yield Action(text=text, gain=100 * share, score_then=min(100.0, 100 * (score + share)), provider=house)


def _lost_by(cells: Sequence[Cell], house: str) -> dict[str, float]:
    """Calls that would not go on, by route; those that only chat models could take over."""
    found: dict[str, float] = {}
    for one in cells:
        if one.operation == "chat":
            found[one.route] = found.get(one.route, 0.0) + one.calls * (1 - one.left(house))
    return found
