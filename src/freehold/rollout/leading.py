"""Looks at every rollout that stands, and makes the transitions that are due. One process at a time does it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from freehold.core.clock import Clock, microseconds
from freehold.core.errors import StoreError
from freehold.ledger.reading import LedgerReader
from freehold.rollout.archive import Archive, Progress
from freehold.rollout.evidence import Evidence
from freehold.rollout.knowing import evidence_of, knowledge_of
from freehold.rollout.machine import GATES, Step, applied, next_of
from freehold.rollout.shadow.archive import SPENT, PairArchive
from freehold.rollout.terms import Rollout, Transition

log = logging.getLogger("freehold.rollout")

LEASE = "gates"
_KEEP_US = 60_000_000
"""How often the state of the gates is kept. Whoever takes over reads again what came since."""

Told = Callable[[Rollout, Transition], None]


class _Read(msgspec.Struct):
    """What is in memory of one rollout."""

    evidence: Evidence
    kept_us: int = 0


class Leader:
    """Not for several threads at once. Methods wait, and raise StoreError."""

    def __init__(
        self, archive: Archive, history: LedgerReader, *, holder: str, clock: Clock, tell: Told
    ) -> None:
        """`holder`: the name of this process; `tell`: is told of every transition that was made."""
        self._archive, self._history = archive, history
        self._pairs = PairArchive(archive.database)
        self._holder, self._clock, self._tell = holder, clock, tell
        self._read: dict[str, _Read] = {}
        self._led_until_us = 0

    def look(self, incumbents: Mapping[str, str], interval: float) -> bool:
        """One look at all of them, if this process is the one that does; whether it is.

        `incumbents`: by route, as they are configured now. `interval`: seconds until the next look.
        """
        if not self._archive.database.exists:
            return False
        now_us = self._now_us()
        until_us = now_us + microseconds(max(5.0, 2.0 * interval))
        if not self._archive.lead(LEASE, self._holder, now_us, until_us):
            self._read.clear()
            return False
        if now_us >= self._led_until_us:  # another one may have led in between
            self._read.clear()
        self._led_until_us = until_us
        standing = self._archive.standing()
        for gone in self._read.keys() - {one.id for one in standing}:
            del self._read[gone]
        for rollout in standing:
            try:
                self._look_at(rollout, incumbents.get(rollout.route))
            except StoreError as error:
                self._read.pop(rollout.id, None)  # it may have been read in part
                log.warning("the rollout `%s` could not be looked at: %s", rollout.id, error)
            except Exception:  # an error of ours in one rollout must not keep harm in another from being seen
                self._read.pop(rollout.id, None)
                log.exception("the rollout `%s` could not be looked at", rollout.id)
        return True

    def retire(self) -> None:
        """Let another one lead."""
        if self._led_until_us and self._archive.database.exists:
            self._archive.retire(LEASE, self._holder)

    def _look_at(self, rollout: Rollout, incumbent: str | None) -> None:
        read = self._read.get(rollout.id)
        if read is None:
            kept = self._archive.progress(rollout.id)
            read = self._read[rollout.id] = _Read(Evidence(rollout, self._history, self._pairs, kept))
        if rollout.state != "finished":
            read.evidence.panel.begin(rollout.stage)
            read.evidence.read()
        panel = read.evidence.panel
        known = knowledge_of(rollout, panel, copied=self._is_copied(rollout), incumbent=incumbent)
        now_us = self._now_us()
        step = next_of(rollout, known, now_us)
        evidence = evidence_of(rollout, panel, known)
        if isinstance(step, Step):
            after, transition = applied(rollout, step, by=GATES, now_us=now_us, evidence=evidence)
            # The state of the gates first: a transition that was made is never looked at with an older one.
            self._keep(rollout, read, evidence, now_us)
            if self._archive.change(after, transition):
                self._tell(after, transition)
        elif rollout.state != "finished":
            if now_us - read.kept_us >= _KEEP_US:
                self._keep(rollout, read, evidence, now_us)
            else:
                self._archive.save_findings(rollout.id, now_us, evidence)

    def _keep(self, rollout: Rollout, read: _Read, evidence: bytes, now_us: int) -> None:
        self._archive.save(rollout.id, Progress(now_us, evidence, read.evidence.keep()))
        read.kept_us = now_us

    def _is_copied(self, rollout: Rollout) -> bool:
        """Whether shadow makes no more copies: all were made and are over, or the money is used up."""
        if rollout.at.kind != "shadow":
            return True
        tally = self._pairs.tally(rollout.id, rollout.stage, self._now_us())
        if tally.finished < tally.claimed:
            return False
        if tally.claimed >= rollout.at.copies:
            return True
        return tally.finished > 0 and SPENT in self._pairs.passed_over(rollout.id)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())
