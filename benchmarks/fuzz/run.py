"""Damage and read, for a time, and tell what was found."""

from __future__ import annotations

import gc
import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from freehold.core.errors import BadRequest
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.sse import EventTooLarge

from .damage import Frames, damaged
from .growth import grown
from .reach import Reach
from .target import LARGEST_SEED, Target, Wrong

SECONDS_PER_MEGABYTE = 4.0
"""Processor time: fifty times what is usual, so that a busy machine is no finding."""
GRACE = 0.25
_REFUSED = (BadRequest, NotAnAnswer, EventTooLarge)
_COLLECT_EVERY = 300
_MOST_SHOWN = 12


class Finding(Exception):
    """Something went wrong that must not."""


@dataclass
class Result:
    """What a run did."""

    target: str
    inputs: int = 0
    refused: int = 0
    """Of the inputs: those that were turned down as they should be."""
    grew: int = 0
    """Inputs that were tried in several sizes."""
    kept: int = 0
    """Damaged inputs that reached new lines and were damaged further."""
    processor: float = 0.0
    wall: float = 0.0
    """Seconds."""
    findings: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = f"{self.inputs} inputs ({self.refused} refused, {self.grew} grown, {self.kept} kept)"
        times = f"{self.processor:.0f} s of processor, {self.wall:.0f} s"
        return f"{self.target}: {counts}, {times}; {len(self.findings)} findings {dict(self.findings)}"


def fuzz(target: Target, seconds: float, dice: random.Random, reach: Reach) -> Result:
    """Damage and read for so long. Every finding is told once, at its first input."""
    result = Result(target.name)
    begun, spent = time.monotonic(), time.process_time()
    pool = list(target.seeds)
    for seed in target.seeds:
        _try(target, [seed], result)
    reach.has_grown()
    while time.monotonic() - begun < seconds:
        if result.inputs % _COLLECT_EVERY == 0:
            gc.collect()  # at a time of its own, so that no input is blamed for it
        seed = dice.choice(pool if dice.random() < 0.5 else target.seeds)
        if dice.random() < 0.01:
            sizes = grown(seed, dice)
            result.grew += bool(sizes)
            _try(target, sizes, result)
            continue
        frames = damaged(seed, dice.choice(pool), dice)
        _try(target, [frames], result)
        if reach.has_grown() and sum(map(len, frames)) < LARGEST_SEED and any(frames):
            pool.append(frames)
            result.kept += 1
    result.wall, result.processor = time.monotonic() - begun, time.process_time() - spent
    return result


def _try(target: Target, sizes: list[Frames], result: Result) -> None:
    """Read the input, in its sizes if it has several."""
    times: list[float] = []
    for frames in sizes:
        result.inputs += 1
        try:
            took, refused = attempt(target, frames)
            result.refused += refused
            times.append(took)
            if len(times) > 2 and times[-1] > 0.15 and times[-1] > 3 * times[-2] > 9 * times[-3]:
                raise Finding(f"grows faster than its input: {[round(one, 3) for one in times]}")
        except Finding as finding:
            kind = _kind_of(finding)
            result.findings[kind] += 1
            if result.findings[kind] == 1:
                _tell(target, finding, frames if len(frames) > 300 else smaller(target, frames, kind))
            return


def attempt(target: Target, frames: Frames) -> tuple[float, bool]:
    """Read the frames: processor seconds, and whether they were refused. Raises Finding."""
    size = sum(map(len, frames))
    refused = False
    begun = time.thread_time()
    try:
        target.read(frames)
    except _REFUSED:
        refused = True
    except Exception as error:  # whatever it is, it must not come out of there
        raise Finding(_place_of(error)) from error
    took = time.thread_time() - begun
    if took > GRACE + size / 1e6 * SECONDS_PER_MEGABYTE:
        raise Finding(f"too slow: {took:.2f} s for {size} bytes")
    return took, refused


def _kind_of(finding: Finding) -> str:
    """What is the same about findings with one cause."""
    text = str(finding)
    return (
        text.split(" (", maxsplit=1)[0]
        if " in " in text.split(":", maxsplit=1)[0]
        else text.split(":", maxsplit=1)[0]
    )


def _place_of(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, Wrong) and error.__cause__ else error
    frames = [one for one in traceback.extract_tb(cause.__traceback__) if "/freehold/" in one.filename]
    places = [f"{Path(one.filename).parent.name}/{Path(one.filename).name}:{one.lineno}" for one in frames]
    said = f"{error}: {cause}" if cause is not error else str(error)
    name = type(error).__name__
    return f"{name} in {places[-1] if places else str(error)[:60]} ({said[:200]}) < {' < '.join(places[-2:-5:-1])}"


def smaller(target: Target, frames: Frames, kind: str) -> Frames:
    """The frames without those that the finding does not need."""
    at = 0
    while at < len(frames) and len(frames) > 1:
        fewer = frames[:at] + frames[at + 1 :]
        try:
            attempt(target, fewer)
        except Finding as finding:
            if _kind_of(finding) == kind:
                frames = fewer
                continue
        at += 1
    return frames


def _tell(target: Target, finding: Finding, frames: Frames) -> None:
    say(f"FOUND {target.name}: {finding}")
    shown = [frame[:1500] for frame in frames[:_MOST_SHOWN]]
    say(f"  {len(frames)} frames, {sum(map(len, frames))} bytes: {shown}")


def say(text: str) -> None:
    """Tell it at once: the run may be ended at any time."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
