"""Labels from a route's live calls: the copies that rollouts in shadow have judged, and what people say of answers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from freehold.core.errors import BadRequest, NotFound
from freehold.engine.conversation import conversation_of
from freehold.ledger.feedback import Vote
from freehold.ledger.reading import Entry, LedgerReader
from freehold.ledger.record import Call
from freehold.rollout.archive import Archive
from freehold.rollout.carrying.carried import request_of
from freehold.rollout.routers.evidence import Gathered, Label
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.shadow.pairs import Pair
from freehold.routing.learned.hashing import READ

_ROLLOUTS = 1_000
_AT_ONCE = 1_000
_PICO = Decimal("1e-12")
_BY_LOT = frozenset({"drawn", "not drawn"})


def gather_shadow(
    route: str, incumbent: str, rollouts: Archive, pairs: PairArchive, history: LedgerReader
) -> Gathered:
    """What came of the copies that rollouts of this incumbent have sent: each is a question that both models have
    answered.
    """
    found = Gathered()
    for rollout in rollouts.newest(_ROLLOUTS):
        if rollout.route != route or rollout.terms.incumbent.name != incumbent:
            continue
        candidate = rollout.terms.candidate.name
        for pair in _pairs(pairs, rollout.id):
            if pair.difference is None:
                continue
            prompt = _prompt_in(history, pair.call)
            if prompt is None:
                found.unread += 1
                continue
            _count_cost(found, incumbent, pair.incumbent.cost_pico)
            _count_cost(found, candidate, pair.candidate.cost_pico)
            found.labels.append(Label(prompt, pair.conversation, {candidate: pair.difference}))
    return found


def gather_feedback(route: str, incumbent: str, history: LedgerReader) -> Gathered:
    """What people said of answers of calls whose model was drawn by lot. An answer that they find bad counts as worse
    than the incumbent's would have been, which it may not be: what is certified with these labels is safe, and saves
    less than it could.
    """
    found = Gathered()
    said: dict[str, float] = {}
    for one in _votes(history):
        if one.score is not None:
            said[one.call_id] = min(one.score, said.get(one.call_id, 1.0))
    for call_id, score in said.items():
        try:
            entry = history.call(call_id)
        except NotFound:  # retention took it
            continue
        model = _drawn_model(entry.call, route, incumbent)
        if model is None:
            continue
        amount = entry.cost.amount
        _count_cost(found, model, None if amount is None else int(amount / _PICO))
        prompt = prompt_of(entry.call)
        if prompt is None:
            found.unread += 1
        elif model != incumbent:
            unit = conversation_in(entry)
            found.labels.append(Label(prompt, unit, {model: -1.0 if score < 0.5 else 0.0}))
    return _of_one_model(found)


def prompt_of(call: Call) -> str | None:
    """What a policy was told of a call on record; None: its request is not kept, or no user says anything in it."""
    request = request_of(call)
    if request is None:
        return None
    try:
        return conversation_of(
            request, key_id=call.key_id, route=call.route or "", heading=None, reads=READ
        ).prompt
    except BadRequest:
        return None


def conversation_in(entry: Entry) -> str:
    """What calls of one conversation have in common: its draw, which no other one has."""
    assert entry.call.decision is not None
    return repr(entry.call.decision.facts.get("draw"))


def _drawn_model(call: Call, route: str, incumbent: str) -> str | None:
    """Who answered a call of the route, if that was decided by lot: then whom a question fell to says nothing of it."""
    decision = call.decision
    if call.route != route or decision is None or decision.reason not in _BY_LOT:
        return None
    if decision.facts.get("incumbent", incumbent) != incumbent or "draw" not in decision.facts:
        return None
    answered = f"{call.provider}/{call.model}"
    return answered if answered == decision.chosen else None


def _of_one_model(found: Gathered) -> Gathered:
    """Each question was answered by one model, so that a router can be made for one: that of which most is known."""
    counts: dict[str, int] = {}
    for label in found.labels:
        for model in label.differences:
            counts[model] = counts.get(model, 0) + 1
    if len(counts) > 1:
        most = max(counts, key=lambda model: (counts[model], model))
        found.labels = [label for label in found.labels if most in label.differences]
    return found


def _prompt_in(history: LedgerReader, call_id: str) -> str | None:
    try:
        return prompt_of(history.call(call_id).call)
    except NotFound:
        return None


def _count_cost(found: Gathered, model: str, pico: int | None) -> None:
    if pico is not None:
        total, many = found.costs.get(model, (Decimal(0), 0))
        found.costs[model] = total + pico * _PICO, many + 1


def _pairs(archive: PairArchive, rollout: str) -> Iterator[Pair]:
    after = 0
    while some := archive.after(rollout, after, _AT_ONCE):
        yield from some
        after = some[-1].seq


def _votes(history: LedgerReader) -> Iterator[Vote]:
    after = 0
    while some := history.feedback_after(after, _AT_ONCE):
        yield from some
        after = some[-1].seq
