"""From evidence to verdicts, by the rules of the method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from freehold.compare.evidence import Candidacy, Sure, Tally
from freehold.compare.stats.multiplicity import e_bh, e_holm
from freehold.compare.stats.planning import Ahead
from freehold.compare.terms import Terms
from freehold.compare.verdict import Decision
from freehold.core.figures import counted


class Found(msgspec.Struct, frozen=True):
    """A decision with its reason."""

    decision: Decision
    reason: str


def sure_of(terms: Terms, tallies: Mapping[str, Tally]) -> dict[str, Sure]:
    """Which candidates the tests are sure of, by model: e-Holm over all candidates, for each of the two verdicts.

    An e-value's highest point decides, since the chance that it ever gets so high is bounded (Ville): so who is sure
    stays sure.
    """
    sure: dict[str, Sure] = {}
    enough = math.log(1.0 / terms.alpha)
    for word in _WORDS:
        adjusted = e_holm([_most(tally, word) for tally in tallies.values()])
        for model, highest in zip(tallies, adjusted, strict=True):
            if highest >= enough:
                sure.setdefault(model, word)
    return sure


def sure_of_classes(terms: Terms, tallies: Mapping[str, Tally], classes: int) -> dict[str, Sure]:
    """Which classes the tests of one candidate are sure of: e-BH at alpha over all `classes` of the suite.

    At most a share alpha of the classes that are told to be sure is so in error, on average, however they hang together
    (Wang and Ramdas, JRSS-B 84, 2022). The e-values are those of this moment, and not their highest.
    """
    sure: dict[str, Sure] = {}
    names = list(tallies)
    for word in _WORDS:
        # A class of which nothing was counted is a class all the same: its e-value is 1.
        logs = [_now(tallies[name], word) for name in names] + [0.0] * (classes - len(names))
        for name, is_sure in zip(names, e_bh(logs, terms.alpha), strict=False):
            if is_sure:
                sure.setdefault(name, word)
    return sure


_WORDS: tuple[Literal["replaces"], Literal["does not replace"]] = ("replaces", "does not replace")


def _most(tally: Tally, word: Sure) -> float:
    return tally.most_replaces if word == "replaces" else tally.most_worse


def _now(tally: Tally, word: Sure) -> float:
    return tally.log_e_replaces if word == "replaces" else tally.log_e_worse


def obstacle(terms: Terms, tally: Tally, incumbent: str, candidate: str) -> str | None:
    """Why nothing can be decided, whatever the test says; None: nothing stands in the way."""
    who, failed = tally.most_failed()
    if failed > terms.most_failures * tally.pairs:
        model = incumbent if who == "incumbent" else candidate
        return (
            f"`{model}` failed to answer {failed:,} of {counted(tally.pairs, 'case')}{_mostly(tally, who)}, and "
            f"at most {terms.most_failures:.0%} may fail."
        )
    silent = tally.uncounted["no verdict"]
    if silent > terms.most_without_verdict * tally.pairs:
        return (
            f"There is no score for {silent:,} of {counted(tally.pairs, 'pair')}, as a judge gave no verdict, and "
            f"at most {terms.most_without_verdict:.0%} may be without one."
        )
    return None


def _mostly(tally: Tally, who: Literal["incumbent", "candidate"]) -> str:
    (code, many), *others = tally.reasons[who].most_common() or [("", 0)]
    if not code:
        return ""
    return f" ({code})" if not others else f" (most often {code}, {many:,} times)"


def is_hopeless(terms: Terms, tally: Tally, units: int) -> bool:
    """Whether so much has failed that even a faultless rest of `units` would not make up for it."""
    last = units * tally.pairs / max(1, tally.drawn)
    return (
        tally.most_failed()[1] > terms.most_failures * last
        or tally.uncounted["no verdict"] > terms.most_without_verdict * last
    )


def found_for(
    terms: Terms,
    candidacy: Candidacy,
    sure: Sure | None,
    *,
    stopped: str | None,
) -> Found:
    """The decision over everything. `stopped`: why no further case was asked; None: there were no more."""
    tally, margin = candidacy.whole, f"{terms.margin:g}"
    against = obstacle(terms, tally, terms.incumbent, candidacy.model)
    if against is not None:
        return Found("undecided", against)
    if sure == "replaces":
        return Found("replaces", f"It is not worse by {margin} or more.")
    if sure == "does not replace":
        return Found("does not replace", f"It is worse by {margin} or more.")
    why = stopped or "There are no more cases."
    return Found("undecided", f"{why} {_what_is_missing(terms, tally)}{_what_would_do(tally)}")


def found_for_class(terms: Terms, candidacy: Candidacy, name: str, sure: Sure | None) -> Found:
    """The decision in one class of tasks."""
    tally, margin = candidacy.classes[name], f"{terms.margin:g}"
    against = obstacle(terms, tally, terms.incumbent, candidacy.model)
    if against is not None:
        return Found("undecided", against)
    if sure == "replaces":
        return Found("replaces", f"It is not worse by {margin} or more at these tasks.")
    if sure == "does not replace":
        return Found("does not replace", f"It is worse by {margin} or more at these tasks.")
    return Found("undecided", _what_is_missing(terms, tally))


def _what_is_missing(terms: Terms, tally: Tally) -> str:
    if not tally.n:
        return "No pair counted."
    return f"{counted(tally.n, 'pair')} do not tell yet whether it is worse by {terms.margin:g} or more."


def _what_would_do(tally: Tally) -> str:
    """An expectation, and no part of the verdict."""
    if tally.units < _LEAST_TO_FORESEE:
        return ""
    ahead = tally.ahead()
    if ahead.half is None:
        return (
            f" More cases like these would hardly decide it: {ahead.most:,} more would not, as often as not."
        )
    return f" About {ahead.half:,} more like these would{_at_the_most(ahead)}."


def _at_the_most(ahead: Ahead) -> str:
    if ahead.nine_in_ten is None or ahead.nine_in_ten == ahead.half:
        return ""
    return f", and {ahead.nine_in_ten:,} in nine cases of ten"


_LEAST_TO_FORESEE = 20


def decisions(
    terms: Terms, candidacies: Sequence[Candidacy], classes: int, stopped: Mapping[str, str]
) -> dict[tuple[str, str], Found]:
    """Every decision, by candidate and class of tasks; the class is empty for the one over everything.

    `classes`: how many the suite has; 0: it is not divided into any.
    """
    sure = sure_of(terms, {one.model: one.whole for one in candidacies})
    found: dict[tuple[str, str], Found] = {}
    for one in candidacies:
        found[one.model, ""] = found_for(terms, one, sure.get(one.model), stopped=stopped.get(one.model))
        if classes:
            named = {name: tally for name, tally in one.classes.items() if name}
            of_classes = sure_of_classes(terms, named, classes)
            for name in sorted(named):
                found[one.model, name] = found_for_class(terms, one, name, of_classes.get(name))
    return found
