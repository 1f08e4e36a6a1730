"""How fast a local model is served, beside the library by itself: `python -m benchmarks.local`. About two minutes.

Everybody is asked the same in turn, round by round, so that what else the machine does meets all of them; what counts
are the ratios within a round. Its last line on standard output is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from freehold.providers.local.models import MODELS, weights_of

from ..gateway.machine import describe_machine
from .contestants import Contestant, endpoint, library, worker
from .questions import EIGHT, ONE, READ, Outcome, Question, reading, serving, writing

ROUNDS = 7
MEASURES: dict[str, tuple[Question, Callable[[Outcome], float]]] = {
    "read": (READ, reading),
    "one": (ONE, writing),
    "eight": (EIGHT, serving),
}
"""Reading a prompt, writing one stream, and eight streams at once: tokens a second."""
_SPINNING = {"GOMP_SPINCOUNT": "10000"}


def main() -> int:
    """Measure all, round by round."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local", description=__doc__)
    parser.add_argument("--file", type=Path, help="a GGUF file in place of the embedded model")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    file = asked.file or weights_of(MODELS["local/smollm2-135m"])
    if file is None:
        sys.exit("The embedded model is not installed: `make up` does that.")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        contestants: dict[str, Contestant] = {
            "library": stack.enter_context(library(file.resolve(), {})),
            "library, our waiting": stack.enter_context(library(file.resolve(), _SPINNING)),
            "worker": stack.enter_context(worker(file.resolve(), folder / "worker")),
            "endpoint": stack.enter_context(endpoint(file.resolve(), folder / "endpoint")),
        }
        for contestant in contestants.values():
            contestant.ask(replace(ONE, tokens=4))
        rates = _measure(contestants, asked.rounds)
        prefix = _prefix(contestants["endpoint"])
    figures = {
        "machine": str(describe_machine()),
        "load_before": load,
        "rounds": asked.rounds,
        "tokens_per_second": {
            name: {what: median(of) for what, of in its.items()} for name, its in rates.items()
        },
        "of_library": {
            name: {
                what: median(ours / theirs for ours, theirs in zip(of, rates["library"][what], strict=True))
                for what, of in its.items()
            }
            for name, its in rates.items()
        },
        "prefix": prefix,
    }
    _print(figures)
    print(json.dumps(figures))
    return 0


def _measure(contestants: dict[str, Contestant], rounds: int) -> dict[str, dict[str, list[float]]]:
    rates: dict[str, dict[str, list[float]]] = {name: {what: [] for what in MEASURES} for name in contestants}
    for round_ in range(rounds):
        print(f"round {round_ + 1} of {rounds}", file=sys.stderr)
        names = [*contestants][round_ % len(contestants) :] + [*contestants][: round_ % len(contestants)]
        for what, (question, rate) in MEASURES.items():
            for name in names:
                outcome = contestants[name].ask(replace(question, salt=round_ + 1))
                rates[name][what].append(rate(outcome))
    return rates


def _prefix(contestant: Contestant) -> dict[str, float]:
    """The same long beginning twice: how long until the first word."""
    long = replace(READ, words=230, salt=1000)
    outcomes = [contestant.ask(replace(long, tail=tail)) for tail in (1, 2)]
    first, second = (one.last - one.begun for one in outcomes)
    return {
        "tokens": outcomes[1].read,
        "cached": outcomes[1].cached,
        "first_ms": first * 1000,
        "second_ms": second * 1000,
    }


def _print(figures: dict[str, object]) -> None:
    rates, ratios = figures["tokens_per_second"], figures["of_library"]
    assert isinstance(rates, dict)
    assert isinstance(ratios, dict)
    print(f"{'tokens a second':24}" + "".join(f"{what:>20}" for what in MEASURES))
    for name, its in rates.items():
        cells = (f"{its[what]:8.1f} ({ratios[name][what]:5.1%})" for what in MEASURES)
        print(f"{name:24}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
