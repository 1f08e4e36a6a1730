"""A comparison, its suite and a check of a judge, in the data folder of an endpoint that has not started."""

from __future__ import annotations

from pathlib import Path

import msgspec
from reported import CHEAP, CLOSE, INCUMBENT, TERMS, cases, compared

from freehold.compare.judges.checking import JudgeCheck, Judged
from freehold.compare.judges.checks import Checks
from freehold.compare.terms import Comparison, Prompt, named

PROMPT = Prompt("terse", "Answer in one word that nobody else may read.")
CHECK = JudgeCheck(
    id="check_1",
    scorer="a" * 64,
    kind="rubric-judge",
    judge="other/judge",
    labels="b" * 64,
    file="labels.jsonl",
    complete=True,
    judged=tuple(
        Judged(case=f"c{number}", models=(CLOSE,), people=float(number % 2), judge=float(number % 4 != 0))
        for number in range(40)
    ),
)


def keep_comparison(folder: Path) -> Comparison:
    """Of 80 cases; its candidates were given a prompt."""
    candidates = (named(CLOSE, PROMPT), named(CHEAP, PROMPT))
    terms = msgspec.structs.replace(TERMS, candidates=candidates, prompt=PROMPT)
    with compared(folder, terms=terms, of=list(cases(80))) as found:
        Checks(found.archive.database).put(CHECK)
        return found.comparison


__all__ = ["CHEAP", "CHECK", "CLOSE", "INCUMBENT", "PROMPT", "keep_comparison"]
