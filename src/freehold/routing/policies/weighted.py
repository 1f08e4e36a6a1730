"""The policy that gives each model its part of the conversations."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.routing.decisions import Decision, Rejected, Situation, draw_of

NAME = "weighted"
_WEIGHT = "weight "


class Weighted:
    """Draws by weight. The draw is the same for all calls of a conversation."""

    name = NAME
    reads = 0

    def __init__(self, weights: Mapping[str, int], *, salt: str) -> None:
        """`weights` by `provider/model`. `salt` makes the draws of one route independent of those of another."""
        self._weights = dict(weights)
        self._salt = salt

    def decide(self, situation: Situation) -> Decision:
        """The model that the conversation's draw falls on; the incumbent where no weight is above 0."""
        names = [target.name for target in situation.targets]
        weights = {name: self._weights.get(name, 0) for name in names}
        return _decide(weights, draw_of(self._salt, situation.sticky), names[0])


def _decide(weights: Mapping[str, int], draw: float, incumbent: str) -> Decision:
    chosen = incumbent
    point = draw * sum(weights.values())
    for name in sorted(weights):  # whoever reads the facts from a database knows no other order
        if weights[name]:
            chosen = name
        if point < weights[name]:
            break
        point -= weights[name]
    return Decision(
        policy=NAME,
        chosen=chosen,
        reason="drawn",
        rejected=tuple(
            Rejected(name, "not drawn" if weights[name] else "no weight")
            for name in sorted(weights)
            if name != chosen
        ),
        facts={
            "incumbent": incumbent,
            "draw": draw,
            **{f"{_WEIGHT}{name}": weights[name] for name in sorted(weights)},
        },
    )


def replay(decision: Decision) -> Decision:
    """The same decision, made again from its facts alone. Raises LookupError or TypeError where they do not
    say enough.
    """
    facts = decision.facts
    weights = {
        name.removeprefix(_WEIGHT): value
        for name, value in facts.items()
        if name.startswith(_WEIGHT) and isinstance(value, int)
    }
    draw, incumbent = facts["draw"], facts["incumbent"]
    if not isinstance(draw, int | float) or not isinstance(incumbent, str):
        raise TypeError("a draw is a number, and the incumbent a name")
    return _decide(weights, float(draw), incumbent)
