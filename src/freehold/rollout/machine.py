"""What happens next to a rollout: from its state, what the gates know and the time, a step or what is waited for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.core.figures import counted
from freehold.rollout.gates.finding import Finding, Word
from freehold.rollout.terms import STANDING, Act, Rollout, State, Transition

GATES = "gates"
"""Who makes the transitions that nobody asked for."""


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at a moment."""

    findings: Sequence[Finding]
    answered: int
    """Conversations that the candidate was given at this stage; in shadow, copies that are over."""
    copied: bool = True
    """In shadow: whether no more copies will be made, as all were, or the money is used up."""
    quality: bool = False
    """Whether anybody judged or voted at all."""
    may_replace: bool = False
    """Whether the candidate surely is not worse than is tolerated."""
    incumbent: str | None = None
    """Whom the configuration names as the route's incumbent; None: the route is gone."""


class Step(msgspec.Struct, frozen=True):
    """What a rollout comes to next."""

    act: Act
    state: State
    stage: int
    reason: str


class Waiting(msgspec.Struct, frozen=True):
    """That nothing happens yet."""

    why: str
    """One sentence."""
    needs_somebody: bool = False
    """Whether time alone will not do: somebody has to decide."""


def next_of(rollout: Rollout, known: Knowledge, now_us: int) -> Step | Waiting:
    """The step that is due, or what is waited for. Pure."""
    if rollout.state not in STANDING:
        return Waiting(f"It was {rollout.state}.")
    step = _ground(rollout, known)
    if step is None and rollout.state != "finished":
        step = _harm(rollout, known)
    if step is not None:
        return step
    if rollout.state == "finished":
        return Waiting("The candidate has the whole route.")
    if rollout.state == "paused":
        return Waiting("It is paused: `freehold rollout resume` lets it go on.", needs_somebody=True)
    return _missing(rollout, known, now_us) or _onward(rollout, known)


def _harm(rollout: Rollout, known: Knowledge) -> Step | None:
    told = _told(known, "harm")
    if not told:
        return None
    return Step("roll back", "rolled back", rollout.stage, f"The candidate does harm. {told}")


def _onward(rollout: Rollout, known: Knowledge) -> Step:
    if rollout.at.kind == "cutover":
        return Step(
            "finish", "finished", rollout.stage, "The candidate has the whole route, and does no harm."
        )
    after = rollout.terms.plan.stages[rollout.stage + 1]
    seen = f"{known.answered:,} {'copies' if rollout.at.kind == 'shadow' else 'conversations'}"
    return Step(
        "pass", "running", rollout.stage + 1, f"No gate shows harm after {seen}: on to `{after.name}`."
    )


def _told(known: Knowledge, word: Word) -> str:
    return " ".join(f"{one.gate.capitalize()}: {one.told}" for one in known.findings if one.word == word)


def _ground(rollout: Rollout, known: Knowledge) -> Step | None:
    """The end of a rollout whose route is not any more what it was started on."""
    terms = rollout.terms
    if known.incumbent is None:
        return Step(
            "abort", "aborted", rollout.stage, f"The configuration has no route `{rollout.route}` any more."
        )
    if known.incumbent == terms.candidate.name:
        return Step(
            "close",
            "closed",
            rollout.stage,
            "The configuration names the candidate as the route's incumbent.",
        )
    if known.incumbent != terms.incumbent.name:
        told = f"The route's incumbent is `{known.incumbent}` by now, and was `{terms.incumbent.name}`."
        return Step("abort", "aborted", rollout.stage, told)
    return None


def _missing(rollout: Rollout, known: Knowledge, now_us: int) -> Waiting | None:
    """What stands between a rollout and its next stage; None: nothing."""
    terms, stage = rollout.terms, rollout.at
    left_us = rollout.stage_us + terms.settle_us - now_us
    if stage.kind == "shadow":
        if not known.copied:
            return Waiting(f"{known.answered:,} of {stage.copies:,} copies are over.")
    elif known.answered < terms.settle_calls:
        of = counted(terms.settle_calls, "conversation")
        return Waiting(f"The candidate has answered {known.answered:,} of {of} at least.")
    elif left_us > 0:
        return Waiting(f"The stage lasts {left_us / 1e6:,.0f} s more at least.")
    worse = _told(known, "looks worse")
    if worse:
        told = f"It looks worse than is tolerated, and may not be. {worse}"
        return Waiting(told, needs_somebody=stage.kind == "shadow")
    return _verdict(rollout, known)


def _verdict(rollout: Rollout, known: Knowledge) -> Waiting | None:
    """What is missing of quality before the candidate gets everything; None: nothing, or it does not get that yet."""
    terms = rollout.terms
    is_next = rollout.at.kind != "cutover" and terms.plan.stages[rollout.stage + 1].kind == "cutover"
    if not is_next or terms.without_quality or known.may_replace:
        return None
    if known.quality:
        return Waiting(
            "Undecided: judged pairs and votes do not tell yet that it may replace the incumbent. It goes on when they "
            "do, or with `freehold rollout promote`."
        )
    return Waiting(
        "Undecided: nobody judges or votes, so nothing is known of quality. `freehold rollout promote` goes on all the "
        "same.",
        needs_somebody=True,
    )


def applied(
    rollout: Rollout, step: Step, *, by: str, now_us: int, evidence: bytes
) -> tuple[Rollout, Transition]:
    """The rollout after a step, and the transition to be kept."""
    moved = step.stage != rollout.stage
    version = rollout.version + 1
    after = msgspec.structs.replace(
        rollout,
        state=step.state,
        stage=step.stage,
        stage_us=now_us if moved else rollout.stage_us,
        version=version,
        ended_us=now_us if step.state in ("rolled back", "aborted", "closed") else None,
    )
    return after, Transition(
        rollout=rollout.id, version=version, at_us=now_us, by=by, act=step.act, state=step.state,
        stage=step.stage, reason=step.reason, evidence=msgspec.Raw(evidence),
    )  # fmt: skip
