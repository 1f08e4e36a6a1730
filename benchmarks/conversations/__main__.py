"""Whether a conversation ever has to go on with a model that cannot, over many turns with tool loops and state.

    python -m benchmarks.conversations [--turns 21000]

Programs in four dialects talk through two engines that share a memory, while the route goes through stages in any
order, is rolled back, loses its policy, and engines end, some of them killed. A turn is unsafe when it answers tool
calls, or holds reasoning state, and another model is asked first than the one that they are of. The same play without
memory has to find such turns. The last line is JSON; the exit status is 1 when a turn was unsafe, or the control found
none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.conversations.cost import measure
from benchmarks.conversations.playing import Outcome, Plan, play


def main() -> int:
    """Play, tell, and judge."""
    parser = argparse.ArgumentParser(prog="benchmarks.conversations", description=__doc__)
    parser.add_argument("--turns", type=int, default=Plan().turns)
    parser.add_argument("--control-turns", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    parser.add_argument("--at-once", type=int, default=Plan().at_once)
    parser.add_argument(
        "--shared", help="the URL of a Valkey or Redis server to remember at, in place of a file"
    )
    words = parser.parse_args()
    plan = Plan(turns=words.turns, seed=words.seed, at_once=words.at_once, shared_url=words.shared)
    began = time.perf_counter()
    outcome = _played(plan)
    seconds = time.perf_counter() - began
    print(_table("with memory", outcome))
    control = _played(msgspec.structs.replace(plan, turns=words.control_turns, remembers=False))
    print(_table("without memory (control)", control))
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder))
    for cost in costs:
        print(
            f"a decision at turn {cost.turns} ({cost.kilobytes} kB): {cost.deciding_us} us of one core, of which "
            f"{cost.reading_us} to read the request; without a policy {cost.without_policy_us} us"
        )
    for one in outcome.unsafe:
        print(f"unsafe: {one}")
    figures = {
        "turns": outcome.turns,
        "in_loops": outcome.in_loops,
        "with_state": outcome.with_state,
        "unsafe_switches": outcome.unsafe_switches,
        "forced_switches": outcome.forced_switches,
        "control_turns": control.turns,
        "control_unsafe_switches": control.unsafe_switches,
        "seconds": round(seconds, 1),
        "decision_us_at_turn": {str(cost.turns): cost.deciding_us for cost in costs},
    }
    print(json.dumps(figures))
    return 1 if outcome.unsafe_switches or not control.unsafe_switches else 0


def _played(plan: Plan) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(play(plan, Path(folder)))


def _table(title: str, outcome: Outcome) -> str:
    rows = [f"{title}:"]
    for name, value in msgspec.to_builtins(outcome).items():
        if name != "unsafe":
            rows.append(f"  {name.replace('_', ' '):16} {value}")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
