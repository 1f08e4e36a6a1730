"""Carry recorded exchanges over into every other dialect: `python -m benchmarks.reality FOLDER`.

The folder holds `.jsonl` or `.jsonl.gz` files. The last line on standard output is one JSON object with the counts;
the exit code is 1 when something was lost without being declared, and 2 when there was nothing to carry over.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from .crossings import Result, cross_all
from .recordings import recordings_in


def main() -> int:
    """Run it for the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reality", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=40, help="how many problems are told at most")
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        sys.stderr.write(f"`{asked.folder}` is no folder.\n")
        return 2
    recorded = recordings_in(asked.folder)
    if not recorded:
        sys.stderr.write(
            f"Nothing in `{asked.folder}` speaks a dialect: no exchange in a .jsonl or .jsonl.gz file.\n"
        )
        return 2
    result = cross_all(recorded)
    print("\n".join(table_of(result)))
    open_problems = [one for one in result.problems if one.excuse is None]
    for one in open_problems[: asked.most]:
        print(f"LOST {one.recording}: {one.what}, {one.source} -> {one.target}: {one.problem[:500]}")
    for said in result.unreadable[: asked.most]:
        print(f"UNREADABLE {said[:300]}")
    rows = result.rows.values()
    counts = {
        "recordings": len(recorded),
        "crossings": sum(row.tried for row in rows),
        "same": sum(row.same for row in rows),
        "excused": sum(row.excused for row in rows),
        "refused": sum(row.refused for row in rows),
        "undeclared": len(open_problems),
        "unreadable": len(result.unreadable),
    }
    print(json.dumps(counts))
    return int(bool(open_problems))


def table_of(result: Result) -> list[str]:
    """How many of how many, for each pair; then why which differences may be, and the losses that were declared."""
    lines = [f"{'what':<19}{'from':<20}{'to':<20}{'same':>6}{'of':>6}{'excused':>9}{'refused':>9}"]
    for (what, source, target), row in sorted(result.rows.items()):
        lines.append(
            f"{what:<19}{source:<20}{target:<20}{row.same:>6}{row.tried:>6}{row.excused:>9}{row.refused:>9}"
        )
    excuses = Counter(one.excuse for one in result.problems if one.excuse is not None)
    lines += [f"excused {count} times: {excuse}" for excuse, count in excuses.most_common()]
    lines.append("declared: " + ", ".join(f"{name} {count}" for name, count in result.losses.most_common(40)))
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
