"""The evidence of one rollout: read from the ledger, from shadow's pairs and from feedback, each from where it was."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.compare.database import pack, unpack
from freehold.core.decision import Decision
from freehold.ledger.feedback import Vote
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.rollout.archive import Progress
from freehold.rollout.gates.panel import Compared, go_on, keep, panel_of
from freehold.rollout.observed import observe
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.shadow.pairs import Outcome, Pair
from freehold.rollout.terms import Rollout

_AT_ONCE = 1000
_MOST_ROUNDS = 20
"""Of so many rows in one look: whoever has much to catch up with is not kept from ending, nor other rollouts from being
looked at.
"""
_LATE = 10_000
"""Calls that may have been recorded after a rollout began, but before one that began earlier and took long."""
_PICO = 1e12


class Cursors(msgspec.Struct):
    """Up to where each source was read."""

    calls: int | None = None
    """None: the ledger was not looked into yet."""
    pairs: int = 0
    feedback: int = 0


class _Kept(msgspec.Struct):
    cursors: Cursors
    panel: bytes


class Evidence:
    """Of one rollout. Methods wait, and raise StoreError."""

    def __init__(
        self, rollout: Rollout, history: LedgerReader, pairs: PairArchive, kept: Progress | None = None
    ) -> None:
        """`kept`: how far another process had come."""
        self._id, self._route, self._begun_us = rollout.id, rollout.route, rollout.begun_us
        self._judged = rollout.terms.judge is not None
        self._kinds = [one.kind for one in rollout.terms.plan.stages]
        self._history, self._pairs = history, pairs
        if kept is None:
            self._cursors, self.panel = Cursors(), panel_of(rollout.terms)
        else:
            found = unpack(kept.body, _Kept)
            self._cursors, self.panel = found.cursors, go_on(found.panel)
        for stage in range(rollout.stage + 1):
            self.panel.begin(stage)

    def read(self) -> bool:
        """Take in what is new, but no more than can be read soon; whether there is more."""
        more = False
        if self._history.exists:
            # Votes are read before the calls, and counted after them: so the call of each is known by then.
            votes = self._history.feedback_after(self._cursors.feedback, _AT_ONCE * _MOST_ROUNDS)
            more = self._read_calls()
            if not more:
                self._count_votes(votes)
        return self._read_pairs() or more

    def keep(self) -> bytes:
        """How far it is, as bytes."""
        return pack(_Kept(self._cursors, keep(self.panel)))

    def _read_calls(self) -> bool:
        """Whether there are more."""
        chosen = Filter(route=self._route, operation="chat")
        if self._cursors.calls is None:
            earlier = self._history.calls(Filter(until_us=self._begun_us), limit=1)
            self._cursors.calls = max([0, *(entry.seq - _LATE for entry in earlier)])
        for _ in range(_MOST_ROUNDS):
            # What is recorded while we read comes with the next look.
            last = self._history.last_seq()
            found = self._history.recorded_after(self._cursors.calls, chosen, limit=_AT_ONCE)
            for entry in found:
                seen = observe(entry, self._id)
                if seen is not None:
                    self.panel.observe(seen)
            if len(found) < _AT_ONCE:
                self._cursors.calls = max([last, *(entry.seq for entry in found[-1:])])
                return False
            self._cursors.calls = found[-1].seq
        return True

    def _read_pairs(self) -> bool:
        """Whether there are more."""
        for _ in range(_MOST_ROUNDS):
            found = self._pairs.after(self._id, self._cursors.pairs, _AT_ONCE)
            for pair in found:
                self.panel.compare(_compared(pair, judged=self._judged))
                self._cursors.pairs = pair.seq
            if len(found) < _AT_ONCE:
                return False
        return True

    def _count_votes(self, votes: Sequence[Vote]) -> None:
        for at in range(0, len(votes), _AT_ONCE):
            some = votes[at : at + _AT_ONCE]
            decisions = self._history.decisions([one.call_id for one in some])
            for one in some:
                self._vote(one, decisions.get(one.call_id))  # None: of no policy, or retention took it
                self._cursors.feedback = one.seq

    def _vote(self, said: Vote, decision: Decision | None) -> None:
        score = said.score
        if score is None or said.call_us < self._begun_us:
            return
        if decision is None or decision.rollout != self._id or decision.arm is None:
            return
        draw, stage = decision.facts.get("draw"), decision.facts.get("stage")
        if not isinstance(draw, float):  # nobody drew: it was locked before the rollout began
            return
        cutover = isinstance(stage, int) and self._kinds[stage] == "cutover"
        self.panel.vote(repr(draw), decision.arm, score, cutover=cutover)


def _compared(pair: Pair, *, judged: bool) -> Compared:
    """`judged`: somebody judges the rollout's pairs. Where nobody does, who gave no answer is the gate of errors'."""
    old, new = pair.incumbent, pair.candidate
    both = old.answered and new.answered
    seconds = _both(_seconds(old), _seconds(new)) if both else None
    dollars = _both(_dollars(old), _dollars(new)) if both else None
    return Compared(
        unit=pair.conversation,
        stage=pair.stage,
        failed=(not old.answered, not new.answered),
        seconds=seconds,
        dollars=dollars,
        declined=(old.refused, new.refused) if both else None,
        lossy=(old.losses > 0, new.losses > 0) if both else None,
        difference=pair.difference if judged or pair.basis == "form" else None,
        judged=judged,
    )


def _both(old: float | None, new: float | None) -> tuple[float, float] | None:
    return None if old is None or new is None else (old, new)


def _seconds(outcome: Outcome) -> float | None:
    taken = outcome.first_ms if outcome.first_ms is not None else outcome.duration_ms
    return None if taken is None else max(1e-6, taken / 1000.0)


def _dollars(outcome: Outcome) -> float | None:
    return None if outcome.cost_pico is None else outcome.cost_pico / _PICO
