"""What people do to rollouts: start, pause, resume, promote, abort. Each is written down, with who did it."""

from __future__ import annotations

import msgspec

from freehold.access.audit import AuditLog
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import BadRequest
from freehold.core.ids import new_id
from freehold.rollout.archive import Archive
from freehold.rollout.machine import Step, applied
from freehold.rollout.terms import STANDING, Act, Rollout, State, Terms, Transition

_STEPS = 5
"""Times that an act is tried again when the gates were faster."""


class Acts:
    """Methods wait, and raise StoreError."""

    def __init__(self, archive: Archive, audit: AuditLog, clock: Clock) -> None:
        self._archive, self._audit, self._clock = archive, audit, clock

    def start(self, route: str, terms: Terms, *, by: str) -> Rollout:
        """A new rollout. Raises BadRequest: its route has one."""
        self._close_what_is_settled(route, terms, by=by)
        now_us = self._now_us()
        rollout = Rollout(id=new_id("rollout"), route=route, terms=terms, stage_us=now_us, begun_us=now_us)
        told = f"From `{terms.incumbent.name}` to `{terms.candidate.name}`: {terms.plan.text}."
        first = Transition(
            rollout=rollout.id, version=1, at_us=now_us, by=by, act="start", state="running", stage=0, reason=told
        )  # fmt: skip
        detail = {"route": route, "to": terms.candidate.name, "plan": terms.plan.text}
        with self._audit.of(by, "rollout.start", rollout.id, detail):
            self._archive.begin(rollout, first)
        return rollout

    def pause(self, which: str, *, by: str) -> Rollout:
        """Keep it at its stage. Harm still rolls it back. Raises NotFound, BadRequest."""
        return self._act(which, "pause", "paused", "Somebody paused it.", by=by, among=("running",))

    def resume(self, which: str, *, by: str) -> Rollout:
        """Let it go on. Raises NotFound, BadRequest."""
        return self._act(which, "resume", "running", "Somebody let it go on.", by=by, among=("paused",))

    def abort(self, which: str, *, by: str) -> Rollout:
        """Give the route back to its incumbent, also after it was finished. Raises NotFound, BadRequest."""
        return self._act(which, "abort", "aborted", "Somebody took it back.", by=by, among=STANDING)

    def promote(self, which: str, at: str, *, by: str) -> Rollout:
        """On to the next stage, whatever the gates wait for; one that was paused runs again.

        `at`: the stage that it is at, so that two who promote it skip none. Raises NotFound, BadRequest: it is at
        another one.
        """
        rollout = self._archive.find(which)
        self._check(rollout, "promote", ("running", "paused"))
        if at.strip().lower() != rollout.at.name:
            raise BadRequest(
                f"The rollout `{rollout.id}` is at `{rollout.at.name}`, and not at `{at[:100]}`.",
                hint=f"Look at it: `freehold rollout status {rollout.id}`.",
                param="from",
            )
        if rollout.at.kind == "cutover":
            step = Step("finish", "finished", rollout.stage, "Somebody declared it finished.")
        else:
            after = rollout.terms.plan.stages[rollout.stage + 1]
            told = f"Somebody promoted it from `{rollout.at.name}` to `{after.name}`."
            step = Step("promote", "running", rollout.stage + 1, told)
        changed = self._change(rollout, step, by=by)
        if changed is None:
            raise BadRequest(
                f"The rollout `{rollout.id}` has changed at this moment; nothing was done.",
                hint=f"Look at it: `freehold rollout status {rollout.id}`.",
            )
        return changed

    def _act(
        self, which: str, act: Act, state: State, told: str, *, by: str, among: tuple[State, ...]
    ) -> Rollout:
        for _ in range(_STEPS):
            rollout = self._archive.find(which)
            self._check(rollout, act, among)
            changed = self._change(rollout, Step(act, state, rollout.stage, told), by=by)
            if changed is not None:
                return changed
        raise BadRequest(
            f"The rollout `{rollout.id}` changes all the time; nothing was done.", hint="Try again."
        )

    def _check(self, rollout: Rollout, act: Act, among: tuple[State, ...]) -> None:
        if rollout.state not in among:
            raise BadRequest(
                f"The rollout `{rollout.id}` is {rollout.state}: there is nothing to {act}.",
                hint=f"Look at it: `freehold rollout status {rollout.id}`.",
            )

    def _change(self, rollout: Rollout, step: Step, *, by: str) -> Rollout | None:
        """The rollout after the step; None: somebody was faster."""
        progress = self._archive.progress(rollout.id)
        evidence = b"{}" if progress is None else progress.findings
        after, transition = applied(rollout, step, by=by, now_us=self._now_us(), evidence=evidence)
        detail = {"route": rollout.route, "stage": after.at.name, "version": after.version}
        with self._audit.of(by, f"rollout.{step.act}", rollout.id, detail):
            return after if self._archive.change(after, transition) else None

    def _close_what_is_settled(self, route: str, terms: Terms, *, by: str) -> None:
        """End a finished rollout whose candidate the configuration names as the incumbent by now."""
        standing = self._archive.standing_on(route)
        if standing is None:
            return
        rollout = self._archive.find(standing)
        if rollout.state == "finished" and rollout.terms.candidate == terms.incumbent:
            told = "The configuration names the candidate as the route's incumbent."
            self._change(rollout, Step("close", "closed", rollout.stage, told), by=by)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())


def line_for(rollout: Rollout) -> str:
    """What to write into `freehold.toml`, so that the configuration says what the rollout has done."""
    name = msgspec.json.encode(rollout.route).decode()
    key = rollout.route if rollout.route.replace("-", "").replace("_", "").isalnum() else name
    return f'[routes.{key}]\nincumbent = "{rollout.terms.candidate.name}"'
