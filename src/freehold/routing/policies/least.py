"""Chooses the model with the least of something, price or pace, among those that replace each other."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.routing.decisions import Decision, Rejected
from freehold.routing.policies.standing import Standing, facts_of


def choose_least(
    name: str, measure: str, standings: Sequence[Standing], *, unproven: bool, more: str
) -> Decision:
    """The decision of the policy `name` for a route whose models stand so, the incumbent first.

    `measure` is `price` or `pace`, `more` what one that has more of it is rejected for. A model of which it is
    unknown is never chosen, except the incumbent when it is unknown of all. Of equals, the first.
    """

    def amount(one: Standing) -> float | None:
        return one.price if measure == "price" else one.pace

    incumbent = standings[0]
    among = [one for one in standings if not one.apart]
    fit = [one for one in among if (one.proven or unproven) and amount(one) is not None]
    chosen = min(fit, key=lambda one: amount(one) or 0.0, default=incumbent)

    def why(one: Standing) -> str:
        if one.apart:
            return "not among"
        if not (one.proven or unproven):
            return "no verdict"
        return more if amount(one) is not None else f"{measure} unknown"

    return Decision(
        policy=name,
        chosen=chosen.model,
        reason=name if fit else f"no {measure} known",
        rejected=tuple(Rejected(one.model, why(one)) for one in standings if one is not chosen),
        facts=facts_of(measure, standings, unproven=unproven),
    )
