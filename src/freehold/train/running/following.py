"""Follows a recipe while it runs: its curve on disk, the tracking, whoever watches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec

from freehold.core.errors import BadRequest, StoreError
from freehold.train.run import Point
from freehold.train.running.curve import CurveFile
from freehold.train.running.interruption import Interruption
from freehold.train.running.tracking import Tracking


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands."""

    steps: int
    """That there will be."""
    point: Point
    done_before: int
    """Steps that were done before this process began."""
    elapsed: float
    """Seconds since this process began to train."""

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None: not known yet."""
        done = self.point.step - self.done_before
        return self.elapsed / done * (self.steps - self.point.step) if done > 0 else None


class Follower:
    """What a recipe is handed as its `Progress`."""

    def __init__(
        self,
        curve: CurveFile,
        tracking: Tracking,
        interruption: Interruption,
        tell: Callable[[Seen], None],
    ) -> None:
        self._curve, self._tracking, self._interruption, self._tell = curve, tracking, interruption, tell
        self._steps = self._done_before = 0
        self._began = self._seconds_before = 0.0
        self._last: tuple[float, int | None] = (0.0, 0)
        """Seconds and tokens at the last point that told its tokens."""

    def begin(self, steps: int, *, done: int = 0) -> None:
        """There will be `steps`, of which a checkpoint holds `done`: what the curve says of later ones is cut off."""
        left = self._curve.cut_after(done)
        self._tracking.cut_after(done)
        self._steps, self._done_before = steps, done
        self._seconds_before = left.seconds if left else 0.0
        self._last = (self._seconds_before, left.tokens if left else 0)
        self._began = time.monotonic()

    def step(self, step: int, *, tokens: int | None = None, **values: float) -> None:
        """One step is done. Raises BadRequest where the loss is no number any more."""
        elapsed = time.monotonic() - self._began
        seconds = self._seconds_before + elapsed
        if not math.isfinite(values.get("loss", 0.0)):
            raise BadRequest(
                f"The loss is no number any more after step `{step}`.",
                hint="Train again with a lower `learning_rate`.",
            )
        known = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        if tokens is not None:
            before, counted = self._last
            if counted is not None and tokens > counted and seconds > before:
                known["tokens_per_second"] = (tokens - counted) / (seconds - before)
            self._last = (seconds, tokens)
        point = Point(step=step, seconds=round(seconds, 3), tokens=tokens, values=known)
        try:
            self._curve.add(point)
            self._tracking.add(point)
        except OSError as error:
            raise StoreError(
                f"The curve of the run could not be written after step `{step}`: {error}.",
                hint="Make room on the disk; `freehold train resume` goes on from the last checkpoint.",
            ) from error
        self._tell(Seen(steps=self._steps, point=point, done_before=self._done_before, elapsed=elapsed))

    @property
    def stopping(self) -> bool:
        """Whether somebody wants it to stop: keep a checkpoint and raise `Stopped`."""
        return self._interruption.wanted
