"""What each form of an exported model costs and keeps: sizes beside what was lost, on the same answers.

    python -m benchmarks.export DATA RUN --work FOLDER

`DATA` is the data folder of an installation that has the run. The trained model is asked once, each form as the runtime
serves it. What is done is kept in `FOLDER` and not done again, so forms can be measured one at a time: `--form q8_0`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # for torch alone: the runtime's process does not inherit it

FORMS = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_1", "q4_0")


def main() -> int:
    """Print a table, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("data", type=Path, help="a data folder")
    parser.add_argument("run", help="a run's id or its name")
    parser.add_argument("--work", type=Path, required=True, help="where files and figures are kept")
    parser.add_argument("--form", action="append", help=f"of GGUF; default: {', '.join(FORMS)}")
    parser.add_argument("--answers", type=int, default=24, help="that are asked about; default: %(default)s")
    arguments = parser.parse_args()
    from benchmarks.export.measuring import ask_trained, measure  # noqa: PLC0415 - torch, after what it goes by is set

    arguments.work.mkdir(parents=True, exist_ok=True)
    trained = _kept(arguments.work / "trained.json", lambda: ask_trained(arguments))
    found = {}
    for form in arguments.form or FORMS:
        found[form] = _kept(arguments.work / f"{form}.json", lambda: measure(arguments, form, trained))  # noqa: B023
    print("\n".join(_table(trained, found)))
    print(json.dumps({form: one["figures"] for form, one in found.items()}))
    return 0


def _kept(path: Path, make: Any) -> dict[str, Any]:
    if not path.exists():
        begun = time.monotonic()
        print(f"{path.stem} …", file=sys.stderr, flush=True)
        made = make()
        path.write_bytes(msgspec.json.encode(made))
        used = sum(
            resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(
            f"  {time.monotonic() - begun:.0f} s, of the processor {used:.0f} s so far",
            file=sys.stderr,
            flush=True,
        )
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])


def _table(trained: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[str]:
    ours = trained["figures"]
    lines = [
        "| form | MB | numbers off by | perplexity | same tokens | same answers "
        "| other chats: perplexity | same tokens |",
        "|---|---|---|---|---|---|---|---|",
        f"| trained | | | {ours['perplexity']:.4f} | | | {ours['beside']:.3f} | |",
    ]
    for form, one in found.items():
        figures = one["figures"]
        lines.append(
            f"| {form} | {figures['bytes'] / 1e6:.1f} | {figures['error']:.2%} "
            f"| {figures['perplexity']:.4f} ({figures['perplexity'] / ours['perplexity'] - 1:+.2%}) "
            f"| {figures['agreement']:.2%} | {figures['same_answers']}/{ours['answers']} "
            f"| {figures['beside']:.3f} ({figures['beside'] / ours['beside'] - 1:+.1%}) "
            f"| {figures['beside_agreement']:.1%} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
