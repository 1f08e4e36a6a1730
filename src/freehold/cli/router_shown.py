"""What came of fitting a router, and how one does, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from freehold.cli.output import plain, say, write
from freehold.core.figures import counted

if TYPE_CHECKING:
    from freehold.app.routers import Fit
    from freehold.config.settings import Settings
    from freehold.rollout.routers.fitting import Missing
    from freehold.rollout.routers.shelf import Shelved
    from freehold.rollout.routers.watching import Watched
    from freehold.routing.learned.promise import Promise
    from freehold.routing.learned.router import About


def _line(text: str) -> None:
    write(f"{text}\n")


def facts_of(shelved: Shelved) -> dict[str, Any]:
    """A router for programs."""
    return {"router": shelved.hash, "about": shelved.about}


def tell_fit(found: Fit, settings: Settings) -> None:
    """A router that was made."""
    assert found.shelved is not None
    about = found.shelved.about
    _line(f"Router {found.shelved.hash} of {plain(about.route)}")
    tell_router(about, None)
    if found.by_list:
        say("What answers cost is not known of all models: the saving is by list prices, for a usual call.")
    if found.gathered.unread:
        say(f"{counted(found.gathered.unread, 'question')} left out: no user says anything in them.")
    if any(not one.terms.to_the_end for one in found.gathered.comparisons):
        say(
            "A comparison may have stopped as soon as it was sure, which favours chance a little: "
            "`freehold compare … --to-the-end` asks every case."
        )
    policy = settings.policies.get(about.route)
    if policy is None or policy.kind != "learned":
        say(f'It decides once freehold.toml says: [routes.{about.route}.policy] kind = "learned"')


def tell_router(about: About, watched: Watched | None) -> None:
    """The certificate, and beside it what could be had without a router."""
    one = about.certificate
    _line(
        f"  promise     {one.risk:.1%} of all answers worse than {plain(about.incumbent)}'s at the most, "
        f"with {one.confidence:.1%} confidence" + (f" (tolerance {one.tolerance:g})" if one.tolerance else "")
    )
    _line(
        f"  labels      {one.trained + one.certified:,}: {one.trained:,} taught it, {one.certified:,} certify it, "
        f"of which {one.worse:,} {'would be' if about.threshold is None else 'are'} answered worse"
    )
    _line(f"  from        {plain(about.source)}")
    how = "by lot" if about.threshold is None else f"up to a predicted chance of {about.threshold:.1%}"
    _line(f"  chooses     {plain(', '.join(about.chosen))}, {how}")
    _line(f"  saves       {one.saving:.1%} of the cost; {one.share:.1%} of the calls leave the incumbent")
    single, drawn = one.best_single, one.best_drawn
    _line(
        "  beside it   best single model: "
        + (f"{plain(single.model)}, saves {single.saving:.1%}" if single else "the incumbent, saves nothing")
    )
    _line(
        "              hull of single models: "
        + (
            f"{drawn.share:.1%} to {plain(drawn.model)} by lot, saves {drawn.saving:.1%}"
            if drawn
            else "nothing certified"
        )
    )
    best = max((alternative.saving for alternative in (single, drawn) if alternative), default=0.0)
    if best >= one.saving:
        _line("              A router is not worth it here: the same is had without one.")
    if watched is not None:
        _tell_watched(about, watched)


def _tell_watched(about: About, watched: Watched) -> None:
    _line(
        f"  decided     {counted(watched.decided, 'call')}, of which {watched.cheaper:,} went to cheaper models"
    )
    if watched.pairs:
        _line(
            f"  feedback    {counted(watched.pairs, 'pair')}: bad {watched.bad_cheaper:,} times of cheaper models, "
            f"{watched.bad_incumbent:,} times of the incumbent; evidence against the promise {watched.log_e:+.2f} "
            f"(alarm at {_alarm_at(about):.2f})"
        )
    else:
        _line("  feedback    none yet on both sides, so that the live risk is not watched")
    if watched.alarm_us is not None:
        _line(
            f"  ALARM       after {counted(watched.alarm_pairs or 0, 'pair')}: the incumbent answers. "
            f"Fit it anew: freehold router fit {plain(about.route)} --suite SUITE"
        )
    if watched.drift_us is not None:
        _line(
            "  DRIFT       the calls are no longer like those it was certified with. Fit it anew, on a new suite of "
            "the route's calls"
        )


def _alarm_at(about: About) -> float:
    return -math.log(1.0 - about.certificate.confidence)


def tell_missing(missing: Missing, promise: Promise, route: str, suite: str | None) -> None:
    """Why there is no router."""
    there = counted(missing.labels, "label")
    if missing.missing is None:
        say(
            f"Not enough evidence, and more labels would not help: among the {missing.certified:,} that certify, even "
            f"the safest answers of cheaper models are worse more often than {promise.risk:.1%}."
        )
        say("A greater --risk, a --tolerance, or other models may do.")
        return
    say(
        f"Not enough evidence: {there} there, and about {missing.missing:,} more are missing to certify a risk of "
        f"{promise.risk:.1%} with {promise.confidence:.1%} confidence. Nothing was changed."
    )
    if suite is None:
        return
    say(
        f"Labels are cases of `{suite}` that a cheaper model and the incumbent have answered: "
        f"`freehold compare {route} --with MODEL --suite {suite} --to-the-end`."
    )
