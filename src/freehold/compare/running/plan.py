"""What a comparison would ask, and cost at the most, without a call."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.budget import Tariffs
from freehold.compare.case import Suite, is_askable, request_hash_of
from freehold.compare.judges.settings import judge_model
from freehold.compare.running.order import Order
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.limits.money import dollars_of
from freehold.limits.worst import worst_of
from freehold.routing.routes import Target
from freehold.wire.request import read_chat_request

_PORTION = 200


class ModelPlan(msgspec.Struct, frozen=True):
    """What one model would be asked."""

    model: str
    calls: int
    """At the most: it is stopped as soon as the verdict is sure."""
    known: int
    """Answers that are there already, and cost nothing."""
    worst: Decimal | None
    """US dollars at the most, were every answer as long as it may be. None: no price is known."""


class Plan(msgspec.Struct, frozen=True):
    """See the module."""

    comparison: str
    suite: str
    cases: int
    """Cases that are asked at the most."""
    units: int
    models: tuple[ModelPlan, ...]
    worst: Decimal | None
    """US dollars at the most, judges not counted; None: some price is not known."""
    judges: tuple[str, ...] = ()
    """Models that are asked besides, to judge: how much depends on the answers."""


def plan_of(
    comparison: Comparison, suite: Suite, shelf: SuiteShelf, archive: Archive, tariffs: Tariffs
) -> Plan:
    """The plan. Reads every case once, in portions. Raises BadRequest: a case is no request."""
    terms = comparison.terms
    order = Order(terms.seed, shelf.units(suite.id))
    units = order.size if terms.max_cases is None else min(order.size, terms.max_cases)
    cases = 0
    calls, known = dict.fromkeys(terms.parties, 0), dict.fromkeys(terms.parties, 0)
    worst: dict[str, int | None] = dict.fromkeys(terms.parties, 0)
    for first in range(0, units, _PORTION):
        drawn = [order[place] for place in range(first, min(first + _PORTION, units))]
        some = [case for of_unit in shelf.of_units(suite.id, drawn).values() for case in of_unit]
        cases += len(some)
        for party in terms.parties:
            model = terms.model_of(party)
            requests = [terms.request_for(party, case.request) for case in some]
            hashes = [request_hash_of(one) for one in requests]
            there = archive.known_answers(hashes, [model], comparison)
            for request, hashed in zip(requests, hashes, strict=True):
                if (hashed, model) in there:
                    known[party] += 1
                elif "/" in model and is_askable(request):  # else its answers were recorded elsewhere
                    calls[party] += 1
                    before, cost = worst[party], _worst(model, request, tariffs)
                    worst[party] = None if before is None or cost is None else before + cost
    plans = tuple(
        ModelPlan(model, calls[model], known[model], None if nano is None else dollars_of(nano))
        for model, nano in worst.items()
    )
    whole = [one.worst for one in plans]
    return Plan(
        comparison.id,
        suite.id,
        cases,
        units,
        plans,
        None if None in whole else sum((one for one in whole if one is not None), Decimal(0)),
        tuple(dict.fromkeys(judge for one in suite.scorers if (judge := judge_model(one)) is not None)),
    )


def _worst(model: str, request: msgspec.Raw, tariffs: Tariffs) -> int | None:
    body = b'{"model":"x",' + bytes(request).lstrip()[1:]
    return tariffs.worst(Target(*model.split("/", 1)), worst_of(read_chat_request(body), writes=True))
