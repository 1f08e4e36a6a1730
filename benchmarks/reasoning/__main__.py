"""Learn to reason about a game, with thoughts and without, and print what came of it, as JSON in the last line."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gateway.environments import say
from benchmarks.gateway.machine import describe_machine

if TYPE_CHECKING:
    from benchmarks.reasoning.learning import Found

GAIN = 30.0
"""Points that reasoning has to be worth, by every seed."""
MINUTES = 20.0
"""That learning may take, all seeds one after another."""


def main() -> int:
    """Print a table and, as the last line, one JSON object. Returns 1 where a seed falls short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasoning", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--steps", type=int, default=60, help="of learning with thoughts; default: %(default)s"
    )
    parser.add_argument("--quick", action="store_true", help="one seed and 20 steps")
    parser.add_argument("--write", action="store_true", help="write docs/images/reasoning.svg")
    parser.add_argument(
        "--keep", type=Path, help="a folder for all that is made; what is finished there is not made again"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.steps = 1, 20
        if arguments.write:
            parser.error("figures of a short run are not written")
    # Read when torch is imported: threads that wait by spinning take the cores from those that work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from benchmarks.reasoning.learning import Wanted, learn  # noqa: PLC0415
    from benchmarks.reasoning.telling import table_of  # noqa: PLC0415

    say(f"On {describe_machine()}.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        found = []
        for seed in range(1, arguments.seeds + 1):
            one = learn(Wanted(seed=seed, steps=arguments.steps, data=folder / str(seed)))
            told = f"{one.base.skill.greedy:.3f} -> {one.with_thought.skill.greedy:.3f}"
            say(f"Seed {one.seed}: {told}; without thoughts {one.without_thought.skill.greedy:.3f}.")
            found.append(one)
    if arguments.write:
        from benchmarks.reasoning.chart import draw  # noqa: PLC0415 - most runs draw nothing

        draw(found)
    print(table_of(found))
    result = _result(found)
    print(json.dumps(result))
    return 0 if min(result["gain_points"]) >= GAIN and result["minutes"] <= MINUTES else 1


def _result(found: list[Found]) -> dict[str, Any]:
    seconds = [one.base.seconds + one.with_thought.seconds + one.without_thought.seconds for one in found]

    def mean(values: list[float]) -> float:
        return round(sum(values) / len(values), 4)

    return {
        "base": mean([one.base.skill.greedy for one in found]),
        "own": mean([one.with_thought.skill.greedy for one in found]),
        "gain_points": [
            round(100 * (one.with_thought.skill.greedy - one.base.skill.greedy), 1) for one in found
        ],
        "gain_points_sampled": [
            round(100 * (one.with_thought.skill.sampled - one.base.skill.sampled), 1) for one in found
        ],
        "minutes": round(sum(one.with_thought.seconds for one in found) / 60, 2),
        "minutes_with_bases_and_without_thought": round(sum(seconds) / 60, 2),
        "with_thought": mean([one.with_thought.skill.greedy for one in found]),
        "without_thought": mean([one.without_thought.skill.greedy for one in found]),
        "without_thought_voting": mean([one.vote for one in found]),
    }


if __name__ == "__main__":
    raise SystemExit(main())
