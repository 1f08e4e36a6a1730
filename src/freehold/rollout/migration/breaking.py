"""What breaks for whom: the calls of a sample as the target would get them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from freehold.core.losses import meaning_of
from freehold.rollout.carrying.carried import Carried
from freehold.rollout.carrying.features import FEATURES, lost_of
from freehold.rollout.carrying.gravity import BEYOND, gravity_of
from freehold.rollout.migration.report import Affected, FeaturePart, LossPart

_NAMED = 8
"""Keys, classes or losses that are named with each."""


def is_broken(one: Carried) -> bool:
    """Whether the call would lose what it cannot do without."""
    return not one.whole


def is_weakened(one: Carried) -> bool:
    """Whether it would be answered, and less exactly as it was asked for."""
    return one.whole and bool(one.of("weakens"))


def features_in(
    carried: Sequence[Carried], key_name: Callable[[Carried], str], classes: Mapping[str, str]
) -> list[FeaturePart]:
    """What the calls use, what breaks most first."""
    parts = []
    for feature, meaning in FEATURES.items():
        some = [one for one in carried if feature in one.features]
        if some:
            parts.append(
                FeaturePart(
                    feature=feature,
                    meaning=meaning,
                    calls=len(some),
                    broken=sum("breaks" in _gravities(feature, one) for one in some),
                    weakened=sum(
                        _gravities(feature, one) & {"breaks", "weakens"} == {"weakens"} for one in some
                    ),
                    keys=_most(map(key_name, some)),
                    task_classes=_most(name for one in some if (name := classes.get(one.call))),
                )
            )
    return sorted(parts, key=lambda one: (-one.broken, -one.weakened, -one.calls))


def _gravities(feature: str, one: Carried) -> set[str]:
    return {gravity_of(loss) for loss in lost_of(feature, one.losses)}


def losses_in(
    carried: Sequence[Carried], key_name: Callable[[Carried], str], now: Mapping[str, int]
) -> list[LossPart]:
    """What would be lost, the gravest and most frequent first. `now`: what is lost already, by the ledger."""
    of_loss: dict[str, list[Carried]] = {}
    for one in carried:
        for loss in one.losses:
            of_loss.setdefault(loss, []).append(one)
    parts = [
        LossPart(
            loss=loss,
            meaning=BEYOND.get(loss) or meaning_of(loss),
            gravity=gravity_of(loss),
            calls=len(some),
            now=now.get(loss, 0),
            keys=_most(map(key_name, some)),
            example=some[0].call,
            why=next((one.why for one in some if one.why), "") if loss == "refused" else "",
        )
        for loss, some in of_loss.items()
    ]
    order = ("breaks", "weakens", "harmless")
    return sorted(parts, key=lambda one: (order.index(one.gravity), -one.calls, one.loss))


def affected(carried: Sequence[Carried], name_of: Callable[[Carried], str]) -> list[Affected]:
    """By whatever `name_of` tells them apart; the one with the most that breaks first."""
    groups: dict[str, list[Carried]] = {}
    for one in carried:
        groups.setdefault(name_of(one), []).append(one)
    parts = [
        Affected(
            name=name,
            calls=len(some),
            broken=sum(map(is_broken, some)),
            weakened=sum(map(is_weakened, some)),
            losses=_most(loss for one in some for loss in (*one.of("breaks"), *one.of("weakens"))),
        )
        for name, some in groups.items()
    ]
    return sorted(parts, key=lambda one: (-one.broken, -one.weakened, -one.calls, one.name))


def _most(names: Iterable[str]) -> list[str]:
    return [name for name, _ in Counter(names).most_common(_NAMED)]
