"""The policy that takes the cheapest model of which a certified router predicts an answer that is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from freehold.core.decision import Decision, Fact, Rejected
from freehold.routing.decisions import Situation, draw_of
from freehold.routing.routes import Target

if TYPE_CHECKING:
    from freehold.routing.learned.router import Router

NAME = "learned"
_CHANCE = "worse "
"""What a fact is called that holds the predicted chance of a worse answer, before the model's name."""
_READ = 8_000


class Learned:
    """Goes by one router, whose hash is told with every decision."""

    name = NAME
    reads = _READ

    def __init__(self, router: Router, *, alarm: str | None = None) -> None:
        """`alarm`: why the router is not relied on any more; the incumbent answers then."""
        self.brings = tuple(map(_target, router.about.chosen))
        """Models that it may choose, on the route or not."""
        self._router = router
        self._alarm = alarm
        about = router.about
        self._chosen = [(one, about.models.index(one)) for one in about.chosen]

    def decide(self, situation: Situation) -> Decision:
        """The cheapest model that is good enough for what is asked, else the incumbent."""
        about = self._router.about
        incumbent = situation.targets[0].name
        facts: dict[str, Fact] = {"incumbent": incumbent, "router": self._router.hash[:16]}
        if self._alarm is not None:
            facts["alarm"] = self._alarm
        elif incumbent != about.incumbent:
            facts["made for"] = about.incumbent
        elif about.threshold is None:
            facts["draw"] = round(draw_of(self._router.hash, situation.sticky), 9)
            facts["share"] = about.certificate.share
        elif situation.prompt is not None:
            facts["threshold"] = about.threshold
            predicted = self._router.model.predict(situation.prompt)
            for name, place in self._chosen:
                facts[f"{_CHANCE}{name}"] = float(predicted[place])
        return _decide(about.chosen, facts)


def _decide(models: Sequence[str], facts: Mapping[str, Fact]) -> Decision:
    """`models`: those that may be chosen, cheapest first."""
    incumbent = str(facts["incumbent"])
    facts = {**facts, **{f"place {place}": name for place, name in enumerate(models)}}
    chosen, reason, why = incumbent, "", "not good enough"
    if "alarm" in facts:
        reason = why = "alarm"
    elif "made for" in facts:
        reason = why = "another incumbent"
    elif "share" in facts:
        drawn = _number(facts, "draw") < _number(facts, "share")
        chosen = models[0] if drawn else incumbent
        reason, why = ("drawn", "not drawn")
    elif "threshold" in facts:
        threshold = _number(facts, "threshold")
        good = [name for name in models if _number(facts, f"{_CHANCE}{name}") <= threshold]
        chosen = good[0] if good else incumbent
        reason = "good enough" if good else "none good enough"
    else:
        reason = why = "nothing to read"
    passed = [*models, incumbent] if incumbent not in models else list(models)
    place = passed.index(chosen)
    return Decision(
        policy=NAME,
        chosen=chosen,
        reason=reason,
        rejected=tuple(
            Rejected(name, "dearer" if passed.index(name) > place and reason == "good enough" else why)
            for name in passed
            if name != chosen
        ),
        facts=facts,
    )


def _number(facts: Mapping[str, Fact], name: str) -> float:
    value = facts[name]
    assert isinstance(value, int | float)
    return float(value)


def replay(decision: Decision) -> Decision:
    """The same decision, made again from its facts alone."""
    places = {name: value for name, value in decision.facts.items() if name.startswith("place ")}
    models = [str(places[f"place {place}"]) for place in range(len(places))]
    facts = {name: value for name, value in decision.facts.items() if name not in places}
    return _decide(models, facts)


def _target(model: str) -> Target:
    provider, _, name = model.partition("/")
    return Target(provider, name)
