"""The `[routes.NAME.policy]` tables into policies."""

from __future__ import annotations

from collections.abc import Collection

from freehold.config.problems import Problems
from freehold.config.sections import PolicySection
from freehold.config.source import Key, written
from freehold.config.targets import Known, read_target
from freehold.routing.policies.settings import PolicyKind, PolicySettings
from freehold.routing.routes import Route, Target

_OF_KIND: dict[str, tuple[PolicyKind, ...]] = {
    "weights": ("weighted",),
    "among": ("cheapest", "fastest"),
    "unproven": ("cheapest", "fastest"),
    "models": ("cascade",),
    "confidence": ("cascade",),
    "threshold": ("cascade",),
    "samples": ("cascade",),
}
"""Settings that mean something to some kinds alone."""


def read_policy(
    section: PolicySection, route: Route, providers: Known, problems: Problems
) -> PolicySettings | None:
    """The policy of a route; None after a problem has been told."""
    key: Key = ("routes", route.name, "policy")
    for name, kinds in _OF_KIND.items():
        if _is_said(getattr(section, name)) and section.kind not in kinds:
            problems.error(
                (*key, name),
                f"`{written((*key, name))}` means nothing to a policy `{section.kind}`.",
                f"It belongs to {' and '.join(f'`{one}`' for one in kinds)}.",
            )
    weighted = _targets(section.weights, (*key, "weights"), providers, problems)
    among = _targets(section.among, (*key, "among"), providers, problems)
    if section.kind == "weighted" and not any(section.weights.values()):
        problems.error(
            (*key, "weights"),
            f"`{written(key)}` gives no model a part.",
            f'Write how many: `weights = {{ "{route.incumbent.name}" = 9, … = 1 }}`.',
        )
    if section.kind in ("cheapest", "fastest") and not (among or route.fallbacks):
        problems.error(
            key,
            f"The route `{route.name}` has one model, so that there is nothing to choose.",
            "Give it `fallbacks`, or the policy models in `among`.",
        )
    models = _targets(section.models, (*key, "models"), providers, problems)
    if section.kind == "cascade":
        _check_cascade(section, key, problems)
    if problems.wrong(key):
        return None
    named = (*weighted, *among, *models)
    return PolicySettings(
        kind=section.kind,
        weights=dict(section.weights),
        among=among,
        brings=tuple(one for one in named if one not in route.plan),
        unproven=section.unproven,
        models=models,
        confidence=section.confidence,
        threshold=section.threshold or 0.0,
        samples=section.samples or 3,
    )


def _is_said(value: object) -> bool:
    """0 is said, too."""
    return value is not None and value is not False and value not in ((), {})


def _check_cascade(section: PolicySection, key: Key, problems: Problems) -> None:
    if len(section.models) < 2:
        problems.error(
            (*key, "models"),
            f"`{written(key)}` names {'one model' if section.models else 'no models'}, and a cascade has two at least.",
            "Write `models = [CHEAP, …]`, the cheapest first.",
        )
    if section.confidence is None:
        problems.error(
            (*key, "confidence"),
            f"`{written(key)}` does not say when an answer is good enough.",
            'Write `confidence = "logprobs"`, `"agreement"`, `"schema"` or `"learned"`.',
        )
    elif section.confidence == "schema" and section.threshold is not None:
        problems.error(
            (*key, "threshold"),
            f"`{written((*key, 'threshold'))}` means nothing to `schema`: an answer is in its form or is not.",
        )
    elif section.confidence != "schema" and section.threshold is None:
        problems.error(
            (*key, "threshold"),
            f"`{written(key)}` does not say from which score on an answer is good enough.",
            "Write a `threshold` between 0 and 1.",
        )
    if section.samples is not None and section.confidence != "agreement":
        problems.error((*key, "samples"), f"`{written((*key, 'samples'))}` is for `agreement` alone.")


def _targets(names: Collection[str], key: Key, providers: Known, problems: Problems) -> tuple[Target, ...]:
    found = []
    for place, name in enumerate(names):
        here: Key = (*key, name) if isinstance(names, dict) else (*key, place)
        target = read_target(name, here, providers, problems)
        if target is not None:
            if target in found:
                problems.error(here, f"`{name}` is named twice.")
            found.append(target)
    return tuple(found)
