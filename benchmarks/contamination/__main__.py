"""Whether cases of a suite that were planted in rows are found, and how many innocent rows of the same kind are, too.

    python -m benchmarks.contamination [--data ../shared/data]

Of each kind of texts, some are the cases of a suite, and the others rows that may be learned from. Cases are planted
among these, in several ways, and everything is looked through as `freehold dataset make` does it. What innocent rows
are taken for cases is shown. The last line is JSON; the exit status is 1 where a case that was planted as it is was
missed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec

from benchmarks.contamination.planting import WAYS, Planted
from benchmarks.contamination.texts import Kind, kinds
from freehold.compare.case import Case, ScorerSettings, Source
from freehold.compare.database import Database
from freehold.compare.suites.shelf import SuiteShelf
from freehold.train.data.contamination import LineText, SuiteTexts
from freehold.train.data.passages import passages_of


class Figures(msgspec.Struct):
    """What came of one kind."""

    kind: str
    cases: int
    rows: int
    taken_for_cases: int
    """Innocent rows that were dropped, beside plants of any way."""
    planted: int
    """In each way."""
    found: dict[str, int]
    milliseconds: float
    """For each row, with making the suite's index."""


def main() -> int:
    """Plant, look, tell."""
    parser = argparse.ArgumentParser(prog="benchmarks.contamination", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--planted", type=int, default=200, help="cases in each way, at the most")
    parser.add_argument("--shown", type=int, default=3, help="innocent rows that are shown of each kind")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    figures = []
    for kind in kinds(words.data, words.seed):
        found, mistaken = _measure(kind, words.planted, words.seed)
        figures.append(found)
        print(
            f"{found.kind}: {found.cases} cases; {found.taken_for_cases} of {found.rows} innocent rows dropped"
        )
        for way, many in found.found.items():
            print(f"  {many:>4} of {found.planted}  {way}")
        for row, case in mistaken[: words.shown]:
            print(f"    dropped: {row}\n    as like: {case}")
    print(json.dumps({"contamination": msgspec.to_builtins(figures)}, ensure_ascii=False))
    return int(any(one.found["as it is"] < one.planted for one in figures))


def _measure(kind: Kind, planted: int, seed: int) -> tuple[Figures, list[tuple[str, str]]]:
    dice = random.Random(seed)
    chosen = dice.sample(kind.cases, min(planted, len(kind.cases), len(kind.rows) // 3))
    innocent = [_line(Planted(kind.instructions + one)) for one in kind.rows]
    found: dict[str, int] = {}
    mistaken: dict[str, str] = {}
    looked, began = 0, time.perf_counter()
    for way, plant in WAYS.items():
        # Each by itself, as eight copies of a case would be unlike any data.
        texts = _texts_of(kind)
        lines = [_line(plant(one, kind.rows, dice)) for one in chosen]
        for line in (*innocent, *lines):
            texts.meet(line)
        for line, row in zip(innocent, kind.rows, strict=True):
            if (like := texts.found_in(line)) is not None:
                mistaken[row] = kind.cases[int(like.case)]
        found[way] = sum(texts.found_in(one) is not None for one in lines)
        looked += len(innocent) + len(lines)
    each_ms = round((time.perf_counter() - began) / looked * 1000, 2)
    figures = Figures(
        kind=kind.name,
        cases=len(kind.cases),
        rows=len(kind.rows),
        taken_for_cases=len(mistaken),
        planted=len(chosen),
        found=found,
        milliseconds=each_ms,
    )
    return figures, list(mistaken.items())


def _texts_of(kind: Kind) -> SuiteTexts:
    with tempfile.TemporaryDirectory() as folder, closing(Database(Path(folder) / "compare.db")) as database:
        shelf = SuiteShelf(database)
        cases = [
            Case(
                id=str(number),
                request=msgspec.Raw(
                    msgspec.json.encode({"messages": [{"role": "user", "content": kind.instructions + text}]})
                ),
            )
            for number, text in enumerate(kind.cases)
        ]
        source = Source(kind="file", name="cases.jsonl")
        suite = shelf.add("cases", source, (ScorerSettings(kind="exact"),), cases)
        return SuiteTexts(passages_of(shelf, [suite]))


def _line(row: Planted) -> LineText:
    return LineText(
        {"messages": [{"role": "user", "content": row.question}]},
        {"role": "assistant", "content": row.answer},
    )


if __name__ == "__main__":
    sys.exit(main())
