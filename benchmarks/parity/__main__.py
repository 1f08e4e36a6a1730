"""Compare every inbound dialect with every outbound dialect, feature by feature, and print what differs."""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

from benchmarks.parity.features import FEATURES, PROBES
from benchmarks.parity.judging import Cell, Finding, cells, judge
from benchmarks.parity.probes import INBOUND, OUTBOUND
from benchmarks.parity.report import counts, render
from benchmarks.parity.running import jobs_for, run


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the document there")
    parser.add_argument(
        "--only",
        metavar="A,B,…",
        default="",
        help="only these: an inbound dialect, an outbound dialect (`-` for all), features",
    )
    parser.add_argument(
        "--idle", action="store_true", help="list losses that are declared though nothing differs"
    )
    return parser.parse_args(words)


def examine(only: str = "", hosting: str | None = None) -> tuple[list[Finding], list[Cell]]:
    """Run the probes, all or those chosen, and judge them. `hosting`: the cloud that hosts Anthropic's dialect."""
    inbound, outbound, *features = [*only.split(","), "", ""][: max(2, only.count(",") + 1)]
    probes = [one for one in PROBES if not features or one.feature in features or one.name in features]
    jobs = jobs_for(probes, lambda one, other: (inbound in ("", "-", one)) and (outbound in ("", "-", other)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done, log = run(jobs, hosting)
    if "Traceback" in log:
        raise RuntimeError(f"the endpoint broke: {log}")
    findings = judge(done)
    return findings, cells(findings)


def main(words: list[str] | None = None) -> int:
    """The exit status is 1 when something differs in silence, or a cell is empty."""
    arguments = _arguments(words)
    started = time.monotonic()
    findings, table = examine(arguments.only)
    for finding in findings:
        for difference in finding.silent:
            job = finding.job
            where = f"{job.inbound} -> {job.outbound}, {job.probe.feature}/{job.probe.name}, {job.mode}"
            print(f"silent: {where}: {difference}", file=sys.stderr)
        for loss in finding.idle if arguments.idle else ():
            job = finding.job
            where = f"{job.inbound} -> {job.outbound}, {job.probe.feature}/{job.probe.name}, {job.mode}"
            print(f"idle: {where}: {loss}", file=sys.stderr)
    whole = 0 if arguments.only else len(FEATURES) * len(INBOUND) * len(OUTBOUND) * 2
    found = counts(table, whole)
    if arguments.write is not None:
        arguments.write.write_text(render(findings, table, found))
    print(f"{len(findings)} probes in {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(json.dumps(found))
    return 1 if found["silent"] or found["empty"] else 0


if __name__ == "__main__":
    sys.exit(main())
