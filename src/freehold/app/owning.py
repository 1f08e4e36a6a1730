"""One loop from a route's calls to a model of one's own: what there is of it, and carrying it on step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from freehold.core.clock import SystemClock, microseconds
from freehold.core.errors import BadRequest, NotFound
from freehold.core.suggest import did_you_mean
from freehold.train.catalogue import RECIPES, find_recipe
from freehold.train.owning.commands import command_of
from freehold.train.owning.gates import Gate, gate_of
from freehold.train.owning.keeping import LoopShelf
from freehold.train.owning.loop import AFFECTED, STEPS, Loop, Record, StepName, Wish
from freehold.train.owning.picking_up import left_by
from freehold.train.owning.running import Ran, run

if TYPE_CHECKING:
    from freehold.config.settings import Settings

Runner = Callable[[tuple[str, ...]], Ran]


class Owning:
    """The loop of one route."""

    def __init__(self, settings: Settings, route: str, runner: Runner = run) -> None:
        """Raises NotFound where there is no such route."""
        if route not in settings.routes:
            raise NotFound(
                f"There is no route `{route}`.",
                hint=did_you_mean(route, settings.routes) or "`freehold routes` lists them.",
            )
        self.route = route
        self.shelf = LoopShelf(settings.data, route)
        self._run = runner

    def read(self) -> Loop | None:
        """As it stands; None: none was begun. Raises StoreError."""
        return self.shelf.read()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only one that carries it on. Raises BadRequest where somebody else does."""
        if not self.shelf.lock.take():
            raise BadRequest(
                f"Somebody else carries the loop of `{self.route}` on at this moment.",
                hint=f"`freehold own {self.route} --status` shows how it stands.",
            )
        try:
            yield
        finally:
            self.shelf.lock.release()

    def begin(self, told: Mapping[str, Any], *, back_to: StepName | None) -> Loop:
        """The loop with what is told now, begun where there was none. Raises BadRequest where that comes too late."""
        loop = self.shelf.read()
        if loop is None:
            if back_to is not None:
                raise BadRequest(
                    f"There is no loop of `{self.route}` to go back in.",
                    hint=f"`freehold own {self.route}` begins one.",
                )
            wish = Wish(**{"route": self.route, "name": _model_name(self.route), **told})
            loop = Loop(wish=wish, begun_us=_now_us())
        else:
            loop = _changed(loop if back_to is None else loop.back_to(back_to), told)
        if loop.wish.suite is None and not loop.wish.scorers:
            raise BadRequest(
                "How are answers to be measured?",
                hint="Tell `--suite SUITE`, or `--scorer exact` and its like for one that is sampled from the calls.",
            )
        _check_recipe(loop.wish.recipe)
        self.shelf.write(loop)
        return loop

    def carry_on(self, loop: Loop, step: StepName) -> Loop:
        """Run a step's command, or go on with what was left of it, and ask its gate. Raises StoreError."""
        before = loop.record(step)
        command = command_of(loop, step)
        left = left_by(loop, step, self._run) if before.state in _BEGUN else None
        if left is not None:
            command = left
        record = Record(
            state="running",
            command=command,
            begun_us=before.begun_us or _now_us(),
            seconds=before.seconds,
        )
        loop = loop.with_record(step, record)
        self.shelf.write(loop)
        began = SystemClock().tick()
        ran = self._run(command)
        self.shelf.keep_printed(step, ran.printed)
        state, told, found = _outcome(loop, step, ran)
        record = msgspec.structs.replace(
            record,
            state=state,
            told=told,
            found=found,
            status=ran.status,
            ended_us=_now_us(),
            seconds=record.seconds + SystemClock().tick() - began,
        )
        loop = loop.with_record(step, record)
        self.shelf.write(loop)
        return loop


def _outcome(
    loop: Loop, step: StepName, ran: Ran
) -> tuple[Literal["passed", "refused", "stopped", "failed"], str, str]:
    printed = ran.last
    if printed is not None:
        try:
            gate = gate_of(loop, step, printed)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            gate = Gate(passed=False, told=f"Its command printed something else than it should: {error!r}.")
        if gate.passed and ran.status in _FINE[step == "rollout"]:
            return "passed", gate.told, gate.found
        if not ran.stopped:
            return "refused", gate.told, gate.found
    if ran.stopped:
        return "stopped", "It was told to stop.", ""
    said = ran.said.strip() or "what it said stands above"
    return "failed", f"Its command ended with {ran.status}: {said}", ""


_BEGUN = {"running", "stopped", "failed"}
"""States in which a step may have left something that can be gone on with."""
_FINE = {False: (0,), True: (0, 3)}
"""Exit statuses of a step that did its work; a rollout that waits for somebody's word has begun."""


def _check_recipe(name: str) -> None:
    """Raises BadRequest for a recipe that makes nothing which could answer a route, or that there is not."""
    if find_recipe(name).base != "needed":
        able = ", ".join(f"`{one.name}`" for one in RECIPES.values() if one.base == "needed")
        raise BadRequest(
            f"The recipe `{name}` makes no model that answers as a route's does.", hint=f"There are {able}."
        )


def _changed(loop: Loop, told: Mapping[str, Any]) -> Loop:
    """What is told anew may concern steps only that are still open, or that failed: those begin again."""
    now = msgspec.structs.asdict(loop.wish)
    changes = dict(told)
    if "also" in changes:  # words for other steps stay
        changes["also"] = {**now["also"], **changes["also"]}
    for name, value in changes.items():
        if now[name] == value:
            continue
        steps = [AFFECTED[name]] if name != "also" else _otherwise(now["also"], value)
        begun = [step for step in STEPS if step in steps and loop.record(step).state != "open"]
        if begun and loop.record(begun[0]).state == "failed":
            loop = loop.back_to(begun[0])
        elif begun:
            raise BadRequest(
                f"`--{name.replace('_', '-')}` concerns the step `{begun[0]}`, which has begun.",
                hint=f"Add `--back-to {begun[0]}` to do that step and those after it again.",
            )
    return msgspec.structs.replace(loop, wish=msgspec.structs.replace(loop.wish, **changes))


def _otherwise(before: Mapping[StepName, Any], now: Mapping[StepName, Any]) -> list[StepName]:
    return [step for step in now if before.get(step) != now[step]]


def _model_name(route: str) -> str:
    """What a model can be called that answers it."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in route.lower())
    return kept.strip("-")[:60].rstrip("-") or "model"


def _now_us() -> int:
    return microseconds(SystemClock().now())
