"""Verdicts with everything that they carry."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from freehold.compare.archive import Archive
from freehold.compare.case import Suite
from freehold.compare.evidence import Candidacy, Tally
from freehold.compare.judgement import decisions, obstacle
from freehold.compare.running.people import People
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison, Terms
from freehold.compare.verdict import Adjusted, Verdict
from freehold.core.clock import microseconds

Reported = dict[str, set[str]]
"""By model, what the provider says that answered."""


def verdicts_of(
    comparison: Comparison,
    suite: Suite,
    candidacies: Sequence[Candidacy],
    reported: Reported,
    stopped: Mapping[str, str],
    *,
    shelf: SuiteShelf,
    archive: Archive,
) -> list[Verdict]:
    """Each candidate's verdict over everything and then those by class, where the suite has classes. Waits.

    `stopped`: by candidate, why no further case was counted, where that is not the end of the suite.
    """
    terms = comparison.terms
    classes = shelf.classes(suite.id)
    named = sum(1 for name in classes if name) if len(classes) > 1 else 0
    found = decisions(terms, candidacies, named, stopped)
    known = {one.model: one for one in candidacies}
    tallies = {(model, name): _tally(known[model], name) for model, name in found}
    costs = {model: archive.cost_of(comparison.id, model) for model in known}
    verdicts = [
        Verdict(
            comparison=comparison.id,
            incumbent=terms.incumbent,
            candidate=model,
            task_class=name,
            decision=decision.decision,
            reason=decision.reason,
            margin=terms.margin,
            alpha=terms.alpha,
            adjusted=_adjusted(terms, name),
            evidence=tallies[model, name].evidence(),
            suite=suite.id,
            suite_hash=suite.hash,
            seed=terms.seed,
            reported_models={
                one: sorted(reported[one]) for one in (terms.incumbent, model) if one in reported
            },
            cost=costs[model],
            made_us=microseconds(time.time()),
        )
        for (model, name), decision in found.items()
    ]
    obstructed = {
        (model, name)
        for (model, name), tally in tallies.items()
        if obstacle(terms, tally, terms.incumbent, model) is not None
    }
    return People(comparison, suite, archive, shelf).amended(verdicts, named, obstructed)


def _tally(candidacy: Candidacy, task_class: str) -> Tally:
    return candidacy.classes[task_class] if task_class else candidacy.whole


def _adjusted(terms: Terms, task_class: str) -> Adjusted:
    if task_class:
        return "e-bh"
    return "e-holm" if len(terms.candidates) > 1 else ""
