"""How fast `pretrain` is beside Transformers' Trainer, and how its loss falls: `python -m benchmarks.pretraining`.

Its last line on standard output is one JSON object with the figures. It takes up to eight minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.gateway.machine import describe_machine


def main() -> int:
    """Measure, draw, and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretraining", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; nothing is drawn")
    parser.add_argument("--only", choices=("pace", "curves"), help="one of the two")
    parser.add_argument("--tokens", type=int, help="that each model of the curves learns from")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch is imported, as the harness does

    from .chart import draw  # noqa: PLC0415
    from .corpus import corpus  # noqa: PLC0415
    from .curves import SIZES, TOKENS, curve  # noqa: PLC0415
    from .pace import pace  # noqa: PLC0415

    figures: dict[str, object] = {"machine": str(describe_machine()), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        dataset = corpus(folder)
        if asked.only != "curves":
            figures |= msgspec.to_builtins(pace(dataset, folder / "pace", 0.0 if asked.quick else 2.0))
        if asked.only != "pace":
            tokens = asked.tokens or (60_000 if asked.quick else TOKENS)
            curves = [curve(name, dataset, folder / "curves", tokens) for name in SIZES]
            ends = [one.losses[-1] for one in curves]
            figures["curves"] = msgspec.to_builtins(curves)
            figures["bigger_is_better"] = ends == sorted(ends, reverse=True)
            if not asked.quick:
                draw(curves)
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
