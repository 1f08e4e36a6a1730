"""What is known of a route's models from outside of a call: prices, paces, verdicts. A policy is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freehold.routing.decisions import Fact
from freehold.routing.routes import Target


class Standing(msgspec.Struct, frozen=True):
    """One model, as it stands."""

    model: str
    """`provider/model`."""
    proven: bool
    """Whether it is the incumbent, or a standing verdict says that it replaces it."""
    price: float | None = None
    """US dollars for a million tokens, read and written as the route's calls do; None: unknown."""
    pace: float | None = None
    """Milliseconds that an answer takes, the median; None: unknown."""
    apart: bool = False
    """It is not among those that are chosen from."""


def facts_of(measure: str, standings: Sequence[Standing], *, unproven: bool) -> dict[str, Fact]:
    """All that a choice by `measure` (`price` or `pace`) depends on, the incumbent first."""
    facts: dict[str, Fact] = {"incumbent": standings[0].model, "unproven": unproven}
    for one in standings:
        facts[f"{measure} {one.model}"] = one.price if measure == "price" else one.pace
        facts[f"proven {one.model}"] = one.proven
        if one.apart:
            facts[f"apart {one.model}"] = True
    return facts


def standings_in(measure: str, facts: Mapping[str, Fact]) -> list[Standing]:
    """The models that `facts_of` was told of, in the same order, whatever became of the facts' own. Raises LookupError
    where they do not say enough.
    """
    found = []
    start = f"{measure} "
    for name, value in facts.items():
        if name.startswith(start):
            model = name.removeprefix(start)
            number = float(value) if isinstance(value, int | float) else None
            proven = facts[f"proven {model}"] is True
            price, pace = (number, None) if measure == "price" else (None, number)
            found.append(Standing(model, proven, price, pace, apart=f"apart {model}" in facts))
    incumbent = facts["incumbent"]
    return sorted(found, key=lambda one: (one.model != incumbent, one.model))


def standings_for(targets: Sequence[Target], known: Mapping[str, Standing]) -> list[Standing]:
    """What is known of `targets`, whose first is the incumbent, which needs no verdict: it, then the others by name.
    Those that are not in `known` are apart.
    """
    found = [known.get(one.name) or Standing(one.name, proven=False, apart=True) for one in targets]
    incumbent = msgspec.structs.replace(found[0], proven=True, apart=False)
    return [incumbent, *sorted(found[1:], key=_name)]


def _name(standing: Standing) -> str:
    return standing.model
