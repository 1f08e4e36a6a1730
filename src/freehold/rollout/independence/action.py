"""The one action that would raise the score most: everything that could be done is reckoned through."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from freehold.rollout.independence.cells import Cell, Way
from freehold.rollout.independence.score import by_calls, independence_of, worst_of

ALPHA = 0.05
"""What `freehold compare` promises unless it is told otherwise."""


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a route could be compared with."""

    route: str
    model: str
    house: str
    own: bool = False
    configured: bool = False
    parity: float | None = None
    """None: nobody could look; then the most that can be said is what it would be at best."""
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


def best_action(cells: Sequence[Cell], possible: Sequence[Possible]) -> Action | None:
    """None: nothing that is known of would raise it."""
    now = worst_of(cells)
    if now is None:
        return None
    score, house = now
    if house is None:
        return None
    here = independence_of(cells, lambda cell: cell.left(house), by_calls) or 0.0
    found: list[tuple[tuple[float, ...], Action]] = []
    for one in possible:
        if one.house == house:
            continue
        then = [_with(cell, one, house) for cell in cells]
        after = worst_of(then)
        there = independence_of(then, lambda cell: cell.left(house), by_calls) or 0.0
        assert after is not None
        gain, of_this = after[0] - score, there - here
        if of_this <= 1e-9:
            continue
        rank = (
            gain,
            of_this,
            one.configured,
            one.stale,
            one.own,
            -(one.dearer if one.dearer is not None else 1e9),
        )
        found.append((rank, _compare(one, house, gain=gain, of_this=of_this, score=after[0])))
    if found:
        return max(found, key=lambda one: one[0])[1]
    return next(_without_models(cells, possible, house, score), None)


def _with(cell: Cell, one: Possible, house: str) -> Cell:
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
        parity=1.0 if one.parity is None else one.parity,
    )
    return msgspec.structs.replace(cell, ways=(*cell.ways, way))


def _compare(one: Possible, house: str, *, gain: float, of_this: float, score: float) -> Action:
    again = " again" if one.stale else ""
    text = f"Compare `{one.model}` with the incumbent of `{one.route}`{again}."
    if gain < of_this - 1e-9:
        text += f" The loss of `{house}` alone would then cost {100 * of_this:.0f} points less; another is as bad."
    return Action(
        text=text,
        command=_command(one),
        gain=100 * gain,
        score_then=100 * score,
        provider=house,
    )


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
        share = min(1 - ALPHA, 1.0) * lost[most] / total
        text = f"Put a route in front of `{most}`, which applications call by its own name, and have them call that."
    elif not any(one.house != house for one in possible):
        share = (1 - ALPHA) * lost[most] / total
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
