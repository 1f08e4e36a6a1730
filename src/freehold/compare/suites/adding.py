"""Putting a file of cases on the shelf."""

from __future__ import annotations

import msgspec

from freehold.compare.case import ScorerSettings, Source, Suite
from freehold.compare.suites.casefile import CaseFile
from freehold.compare.suites.description import Description
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.errors import BadRequest
from freehold.core.figures import counted

SAME = "Asking the very same as another case: {many}. A model is asked once, and its answer counts for each of them."
NO_SCORER = "Nothing says how answers to `{name}` are judged."
HOW_TO_SCORE = (
    "Say it with `--scorer KIND`, such as `--scorer exact`; where there is no one right answer, with a judge: "
    "`--scorer pairwise-judge:model=PROVIDER/NAME`."
)


class Added(msgspec.Struct, frozen=True):
    """What came of adding a suite."""

    suite: Suite
    is_new: bool
    """Else the same content was there under this name before, and no suite was made."""
    answers: int = 0
    """Recorded answers that were not there before."""


def add_file(shelf: SuiteShelf, description: Description) -> Added:
    """Looks a file through, and puts it on the shelf when there is no mistake in it. Raises BadRequest."""
    file = CaseFile(description.cases, description.columns)
    contents = file.look_through(description.scorers)
    need_scorers(description.name, contents.scorers)
    there = shelf.same_as(description.name, contents.hash)
    if there is not None:
        return Added(there, is_new=False)
    notes = (SAME.format(many=counted(contents.alike, "case")),) if contents.alike else ()
    source = Source(kind="file", name=description.cases.name, notes=notes)
    suite = shelf.add(description.name, source, contents.scorers, file.cases())
    if suite.hash != contents.hash:
        shelf.remove(suite.id)
        raise BadRequest(f"`{description.cases}` was changed while it was read.", hint="Add it once more.")
    return Added(suite, is_new=True)


def need_scorers(name: str, scorers: tuple[ScorerSettings, ...]) -> None:
    """Raises BadRequest where there is none."""
    if not scorers:
        raise BadRequest(NO_SCORER.format(name=name), hint=HOW_TO_SCORE)
