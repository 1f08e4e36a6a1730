"""Damage input and read it: `python -m benchmarks.fuzz TARGET SECONDS`.

TARGET is a dialect, whose requests, answers and streams are read; or `doors` (what the gateway reads of a request by
itself), `embeddings` (with counts and lists of models), `frames` (splitters, and errors), `streams` (whole ones on
their way to a client), `files` (uploads and batches), `kept` (what goes on from a kept answer, and what is checked).

Recorded bodies (where they are) and ones of our own are damaged: their bytes, their JSON, the order of their frames.
Out of a decoder come BadRequest and NotAnAnswer alone; what it understood is written in every dialect, which must not
fail, and what was written is read again; no input takes longer than its size allows, and none twice as large takes
much more than twice as long. With Python 3.12 or later, what reaches new lines is damaged further.

Each finding is told once, with what made it, and the exit code counts them. Every one that was mended is kept small in
`tests/wire/test_fuzz_findings.py`.
"""

from __future__ import annotations

import argparse
import gc
import logging
import random
from pathlib import Path

from freehold.wire.dialects import NAMES, dialect_of

from . import beside, chat
from .reach import Reach
from .run import fuzz, say
from .target import RECORDINGS, Target


def main() -> int:
    """Run for the target and the time that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("target", choices=(*NAMES, *beside.NAMES))
    parser.add_argument("seconds", type=float, help="in all, divided among its directions")
    parser.add_argument("--direction", help="one of them: request, answer, stream …")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--recordings", type=Path, default=RECORDINGS, help="a folder of .jsonl or .jsonl.gz files"
    )
    asked = parser.parse_args()
    number = random.randrange(2**32) if asked.seed is None else asked.seed
    reach = Reach()
    say(f"seed {number}{'' if reach.works else ', unguided'}")
    for name in NAMES:
        dialect_of(name)  # loading one takes longer than any input
    targets = targets_of(asked.target, asked.recordings)
    if asked.direction:
        targets = [one for one in targets if one.name.endswith(f" {asked.direction}")]
    gc.disable()
    logging.disable()  # what is refused is told of there too
    found = 0
    for target in targets:
        result = fuzz(target, asked.seconds / len(targets), random.Random(number), reach)
        say(f"{result}; {reach.lines} lines")
        found += len(result.findings)
    return min(found, 100)


def targets_of(name: str, folder: Path) -> list[Target]:
    """What is called so on the command line."""
    for dialect in NAMES:
        if dialect == name:
            return chat.targets_of(dialect, folder)
    return beside.targets_of(name, folder)


if __name__ == "__main__":
    raise SystemExit(main())
