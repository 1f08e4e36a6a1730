"""The policy that asks a cheap model first, and the next one when nobody can be sure of what it said.

What an answer is worth is found by whoever has it (`engine.cascading`); what follows from that is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from freehold.routing.decisions import Decision, Fact, Policy, Rejected, Situation
from freehold.routing.policies.settings import Confidence
from freehold.routing.routes import Target

NAME = "cascade"
ASKED_FIRST = "asked first"
"""The reason as long as the model that was chosen has not answered."""

Found = Literal[
    "score",
    "nothing to check",
    "too long",
    "no score",
    "not in form",
    "wrong arguments",
    "refused",
    "broken off",
    "failed",
    "not well",
    "hosted tools",
    "unread",
    "unpromising",
    "no prediction",
]
"""
score             there is a number
nothing to check  the request asks for no form, and no tool was called
too long          it could not be held until its end
no score          there should have been a number, and there is none
not in form       it is not in the form that was asked for
wrong arguments   it calls a tool that there is not, or not as the tool wants it
refused           the model declined, or a filter stopped it
broken off        the answer did not come to its end
failed            it could not be asked, or did not answer
not well          it was not asked: it does not answer at the moment
hosted tools      it was not asked: what a tool at a provider does would be done twice
unpromising       it was not asked: its answer is predicted to be not good enough
no prediction     it was not asked: nothing is predicted of its answer
unread            it was not asked: the request is not understood here, so that no answer to it could be judged
"""

_GOOD: frozenset[Found] = frozenset({"nothing to check", "too long"})
_NO_ANSWER: frozenset[Found] = frozenset({"failed", "not well", "hosted tools", "unread", "broken off"})
_WORSE = "worse "
_PREDICTED = "predicted "
_UNSURE = "unsure"
_ESCALATED = "escalated"


class Finding(msgspec.Struct, frozen=True):
    """What an answer of one model is worth."""

    found: Found
    score: float | None = None
    """From 0 to 1; None: there is no number."""

    @property
    def has_answer(self) -> bool:
        """Whether there is an answer that could be given."""
        return self.found not in _NO_ANSWER


class Cascade:
    """Asks `models` in their order. A conversation that was answered by one of them is not asked of those before it."""

    name = NAME
    each_turn = True
    """Each turn is a question of its own: the locks tell of the conversation, and do not decide."""

    def __init__(
        self,
        models: Sequence[Target],
        confidence: Confidence,
        threshold: float,
        samples: int,
        *,
        learned: Policy | None = None,
    ) -> None:
        """`threshold`: the score from which on an answer is good enough. `samples`: answers that have to agree.
        `learned`: the policy of the route's router, whose facts say how likely each model is to answer worse.
        """
        self._learned = learned
        self.reads = 0 if learned is None else learned.reads
        self._models = tuple(one.name for one in models)
        self._confidence = confidence
        self._threshold = threshold
        self._samples = samples

    def decide(self, situation: Situation) -> Decision:
        """The model that is asked first. `settle` says what came of it."""
        there = {one.name for one in situation.targets}
        models = [one for one in self._models if one in there] or [situation.targets[0].name]
        lock = None if situation.lock is None else situation.lock.target.name
        first = models.index(lock) if lock in models else 0
        facts: dict[str, Fact] = {
            "confidence": self._confidence,
            "threshold": self._threshold,
            "samples": self._samples,
            "first": first,
            **{f"model {number}": one for number, one in enumerate(models)},
        }
        if self._learned is not None:
            facts |= _predicted(self._learned.decide(situation).facts)
        return _decide(facts)


def _predicted(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """What a router's facts say of each model: from 0, surely worse than the incumbent, to 1."""
    found = {name: facts[name] for name in ("router", "alarm") if name in facts}
    for name, chance in facts.items():
        if name.startswith(_WORSE) and isinstance(chance, int | float):
            found[_PREDICTED + name.removeprefix(_WORSE)] = round(min(1.0, max(0.0, 1.0 - chance)), 9)
    return found


def settle(decision: Decision, model: str, finding: Finding) -> Decision:
    """The decision after an answer of `model` was looked at: it stands, or another model is chosen."""
    facts = {**decision.facts, f"found {model}": finding.found}
    if finding.score is not None:
        facts[f"score {model}"] = finding.score
    made = _decide(facts)
    return msgspec.structs.replace(made, rollout=decision.rollout, arm=decision.arm)


def models_in(facts: Mapping[str, Fact]) -> list[str]:
    """The models of the cascade, the cheapest first."""
    found: list[str] = []
    while isinstance(one := facts.get(f"model {len(found)}"), str):
        found.append(one)
    return found


def is_open(decision: Decision) -> bool:
    """Whether the chosen model's answer is to be looked at: it is good enough, or the next one is asked."""
    models = models_in(decision.facts)
    return (
        decision.policy == NAME
        and decision.reason in (ASKED_FIRST, _ESCALATED)
        and decision.chosen in models[:-1]
        and f"found {decision.chosen}" not in decision.facts
    )


def replay(decision: Decision) -> Decision:
    """The same decision, made again from its facts alone."""
    return _decide(dict(decision.facts))


def _decide(facts: dict[str, Fact]) -> Decision:
    models = models_in(facts)
    first = facts.get("first")
    start = first if isinstance(first, int) else 0
    why: dict[str, str] = dict.fromkeys(models[:start], "the conversation left it")
    held: str | None = None
    for model in models[start:]:
        finding = _finding_of(model, facts)
        if finding is None:
            reason = ASKED_FIRST if model == models[start] else _ESCALATED
            return _decision(model, reason, models, why, facts)
        if _is_sure(finding, facts) or (model == models[-1] and finding.has_answer):
            reason = "sure" if finding.found == "score" else finding.found
            return _decision(model, reason, models, why, facts)
        why[model] = _UNSURE if finding.found == "score" else finding.found
        if finding.has_answer:
            held = model
    # Nobody better answered: an answer of which nobody is sure is better than none.
    chosen = held or models[-1]
    why.pop(chosen, None)
    return _decision(chosen, "others failed", models, why, facts)


def _decision(
    chosen: str, reason: str, models: Sequence[str], why: Mapping[str, str], facts: dict[str, Fact]
) -> Decision:
    others = [one for one in models if one != chosen]
    rejected = tuple(Rejected(one, why.get(one, "not needed")) for one in others)
    return Decision(policy=NAME, chosen=chosen, reason=reason, rejected=rejected, facts=facts)


def _finding_of(model: str, facts: Mapping[str, Fact]) -> Finding | None:
    found, score = facts.get(f"found {model}"), facts.get(f"score {model}")
    if found is None:
        return _foreseen(model, facts)
    try:
        return msgspec.convert({"found": found, "score": score}, Finding)
    except msgspec.ValidationError:
        return Finding("no score")  # of a Freehold that knew another word


def _foreseen(model: str, facts: Mapping[str, Fact]) -> Finding | None:
    """What is known of an answer before it is asked for."""
    if facts.get("confidence") != "learned" or model == models_in(facts)[-1]:
        return None
    predicted = predicted_of(model, facts)
    if predicted is None:
        return Finding("no prediction")
    return None if _is_sure(Finding("score", predicted), facts) else Finding("unpromising")


def predicted_of(model: str, facts: Mapping[str, Fact]) -> float | None:
    """How good an answer of the model is predicted to be, from 0 to 1; None: nothing is predicted."""
    predicted = facts.get(_PREDICTED + model)
    return float(predicted) if isinstance(predicted, int | float) else None


def _is_sure(finding: Finding, facts: Mapping[str, Fact]) -> bool:
    threshold = facts.get("threshold")
    if finding.found != "score":
        return finding.found in _GOOD
    return finding.score is not None and isinstance(threshold, int | float) and finding.score >= threshold
