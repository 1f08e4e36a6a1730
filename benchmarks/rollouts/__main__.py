"""Rehearse rollouts in simulated time: how often a candidate as good as the incumbent is rolled back, and how soon one
that does harm.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

from benchmarks.gateway.environments import say
from benchmarks.rollouts import naive, report
from benchmarks.rollouts.rehearsal import Outcome, rehearse
from benchmarks.rollouts.worlds import Model, World
from freehold.rollout.plan import parse_plan

SHADOWED, BARE = "shadow:500,canary:1%,5%,25%,cutover", "canary:1%,5%,25%,cutover"
WORLDS: tuple[tuple[World, str, bool], ...] = (
    (World(name="as good", candidate=Model()), SHADOWED, False),
    (World(name="as good, everybody votes", candidate=Model(), judged=False, voting=1.0), BARE, False),
    (World(name="10 points worse, judged", candidate=Model(score=0.7)), SHADOWED, True),
    (
        World(name="10 points worse, 3 in 10 vote", candidate=Model(score=0.7), judged=False, voting=0.3),
        BARE,
        True,
    ),
    (
        World(
            name="10 points worse, people only complain",
            candidate=Model(score=0.7),
            judged=False,
            voting=0.1,
            praising=0.0,
        ),
        BARE,
        True,
    ),
    (World(name="fails 10 points more often", candidate=Model(failing=0.12)), BARE, True),
    (World(name="fails always", candidate=Model(failing=1.0)), BARE, True),
    (World(name="hangs", candidate=Model(hangs=True)), BARE, True),
    (World(name="fails 10 points more often", candidate=Model(failing=0.12)), SHADOWED, True),
    (World(name="twice as slow", candidate=Model(seconds=1.6)), BARE, True),
    (World(name="twice as dear", candidate=Model(dollars=0.008)), BARE, True),
    (World(name="declines 10 points more often", candidate=Model(declining=0.11)), BARE, True),
    (World(name="loses something 20 points more often", candidate=Model(losing=0.3)), BARE, True),
)
PROMISED = 0.05
_MOST = 10_000
_CONVERSATIONS = 10_000


def main() -> int:
    """Print tables and, as the last line, one JSON object. Returns 1 where a promise is refuted."""
    arguments = _arguments()
    began = time.monotonic()
    equal, harmful = (20, 5) if arguments.quick else (1000, 50)
    measured: list[report.Measured] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for world, plan, is_harmful in WORLDS:
            count = equal if not measured else harmful
            outcomes = list(pool.map(_one, [(world, plan, seed) for seed in range(count)], chunksize=5))
            measured.append(report.Measured(world.name, plan, outcomes, harmful=is_harmful))
            say(f"{world.name} ({plan}): {time.monotonic() - began:,.0f} s")
        equal_world = WORLDS[0][0]
        control = list(
            pool.map(_naive, [(equal_world, seed) for seed in range(min(equal, 100))], chunksize=5)
        )
    text = "\n".join(report.tables(measured, (sum(control), len(control))))
    if not arguments.quick:
        taken = time.monotonic() - began
        text = f"Run on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {taken:,.0f} s. Seeds from 0.\n\n{text}"
        if not arguments.no_page:
            report.write_page(text)
    print(f"{text}\n", flush=True)
    as_good = measured[0]
    false = as_good.share("rolled back")
    figures = {
        "false_rollbacks": false,
        "false_rollbacks_at_most": report.most_false(as_good),
        "worse_10_points_rolled_back": measured[2].share("rolled back"),
        "worse_10_points_answered_most": max(measured[2].answered, default=None),
        "naive_false_rollbacks": sum(control) / len(control),
    }
    print(json.dumps(figures), flush=True)
    return 1 if false > PROMISED else 0


def _one(what: tuple[World, str, int]) -> Outcome:
    world, plan, seed = what
    return rehearse(world, parse_plan(plan), seed, most=_MOST)


def _naive(what: tuple[World, int]) -> bool:
    return naive.rolls_back(what[0], what[1], conversations=_CONVERSATIONS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollouts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of each; writes no page")
    parser.add_argument("--no-page", action="store_true", help="leave the documentation as it is")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    os.nice(5)
    raise SystemExit(main())
