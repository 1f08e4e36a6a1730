"""Making a dataset: from drafts of any sources to rows that may be learned from, split by conversation.

The order is: ask the gate of terms, mask, drop near-duplicates, and, once all lines are known, drop those that hold
what a suite asks; what is left is split. Lines wait on the disk between the two passes, so that in memory are, of each
line that was kept, a signature of its words and its length, and no line as a whole.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from freehold.compare.case import Suite
from freehold.compare.suites.masking import Masking
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest
from freehold.core.figures import counted
from freehold.train.data.contamination import Found, SuiteTexts
from freehold.train.data.draft import Source
from freehold.train.data.dropped import Dropped, line_of
from freehold.train.data.gate import Gate, notes_of
from freehold.train.data.intake import Intake
from freehold.train.data.passages import passages_of
from freehold.train.data.report import (
    Decontamination,
    LeftOut,
    Portrait,
    Report,
    by_size,
)
from freehold.train.data.row import Row, Split
from freehold.train.data.shelf import Dataset, DatasetShelf, Manifest
from freehold.train.data.tally import Tally
from freehold.train.data.wish import Wish
from freehold.train.data.writing import Workplace, workplace

if TYPE_CHECKING:
    from freehold.compare.suites.shelf import SuiteShelf

_encode = msgspec.json.Encoder(order="deterministic").encode
"""How JSON was laid out, and the order of names, do not count."""


class Made(msgspec.Struct, frozen=True):
    """What came of it."""

    dataset: Dataset
    report: Report
    is_new: bool
    """Else the same rows were there before, under this name."""


def make(
    wish: Wish,
    sources: Sequence[Source],
    shelf: DatasetShelf,
    *,
    gate: Gate,
    masking: Masking | None,
    suites: SuiteShelf,
    tally: Tally | None = None,
) -> Made:
    """Make it. `masking` None: nothing is masked; `suites`: where those are that it must not hold anything of.

    Raises BadRequest: nothing is left, or a source cannot be read; NotFound, StoreError. Nothing is kept then.
    """
    return _Making(wish, gate, masking, tally or Tally()).make(sources, shelf, suites)


class _Making:
    def __init__(self, wish: Wish, gate: Gate, masking: Masking | None, tally: Tally) -> None:
        self._wish = wish
        self._gate = gate
        self._masking = masking
        self._tally = tally
        self._intake = Intake(wish, gate, masking, tally)
        self._dropped = Dropped()

    def make(self, sources: Sequence[Source], shelf: DatasetShelf, suites: SuiteShelf) -> Made:
        measured = self._suites(suites)
        texts = SuiteTexts(passages_of(suites, measured))
        with workplace(shelf.folder) as place:
            with place.spooling() as file:
                for row in self._intake.different(sources):
                    if len(texts):
                        texts.meet(line_of(row))
                    file.write(_encode(row) + b"\n")
            portrait = Portrait()
            place.write_rows(self._clean(place, texts, portrait))
            self._check(portrait)
            return self._finish(
                place, sources, portrait, self._dropped.told(texts, len(measured), self._wish.spared)
            )

    def _suites(self, suites: SuiteShelf) -> list[Suite]:
        spared = {one.hash for one in self._wish.spared}
        return [one for one in suites.list() if one.hash not in spared]

    # Second pass

    def _clean(self, place: Workplace, texts: SuiteTexts, portrait: Portrait) -> Iterator[tuple[Row, Split]]:
        """Those that hold nothing of a suite, and where they go."""
        for row in place.spooled():
            found = texts.found_in(line_of(row)) if len(texts) else None
            if found is not None:
                self._drop(row, found)
                continue
            split = self._intake.split_of(row)
            portrait.add(row, split)
            yield row, split

    def _drop(self, row: Row, found: Found) -> None:
        self._tally.leave_out("contamination", f"hold what the suite `{found.suite}` asks or answers")
        self._dropped.add(row, found)

    def _check(self, portrait: Portrait) -> None:
        if portrait.rows.total():
            return
        told = [
            f"{counted(many, 'line')} {'was' if many == 1 else 'were'} left out, as they {why}."
            for (_, why), many in self._tally.left_out.most_common(5)
        ]
        raise BadRequest(
            f"Nothing is left for the dataset `{self._wish.name}`. {' '.join(told)}", hint=self._hint()
        )

    def _hint(self) -> str:
        stages = {stage for stage, _ in self._tally.left_out}
        if "terms" in stages:
            return (
                "`--maker` says who wrote answers of which nothing tells it; `--allow MAKER=REASON --by NAME` lets "
                "answers in by a decision that is recorded."
            )
        if "contamination" in stages:
            return "`--except SUITE` keeps lines that are like a suite's, with which nothing can be measured then."
        return "`--accept` says whose answers count as good."

    def _finish(
        self, place: Workplace, sources: Sequence[Source], portrait: Portrait, found: Decontamination
    ) -> Made:
        judged = self._gate.judged()
        notes = (*self._wish.notes, *self._tally.notes, *notes_of(judged), *self._warnings(portrait, found))
        report = Report(
            sources=tuple(one.name for one in sources),
            looked_at=self._tally.looked_at,
            taken=self._intake.taken,
            left_out=tuple(
                LeftOut(stage=stage, why=why, rows=rows)
                for (stage, why), rows in self._tally.left_out.most_common()
            ),
            makers=tuple(judged),
            rejected_left_out=self._intake.rejected_left_out,
            duplicates=tuple(self._intake.duplicates),
            contamination=found,
            masked={} if self._masking is None else by_size(self._masking.counts),
            is_masked=self._masking is not None,
            rows={split: portrait.rows[split] for split in portrait.groups},
            groups={split: len(some) for split, some in portrait.groups.items()},
            held_out=self._wish.held_out,
            written_by=by_size(portrait.makers),
            accepted=by_size(portrait.accepted),
            classes=by_size(Counter({name: many for name, many in portrait.classes.items() if name})),
            languages=by_size(portrait.languages),
            with_reasoning=portrait.having["reasoning"],
            with_rejected=portrait.having["rejected"],
            with_target=portrait.having["target"],
            with_tools=portrait.having["tools"],
            question_lengths=portrait.lengths("question"),
            answer_lengths=portrait.lengths("answer"),
            losses=by_size(self._tally.losses),
            notes=notes,
        )
        manifest = Manifest(
            name=self._wish.name,
            hash=place.hash(),
            rows=report.rows,
            source=" + ".join(report.sources),
            makers={**self._gate.beside, **report.written_by},
            made_us=microseconds(time.time()),
            scorers=msgspec.Raw(_encode(self._wish.scorers)),
            notes=notes,
        )
        dataset, is_new = place.finish(manifest, report)
        return Made(dataset, report, is_new)

    def _warnings(self, portrait: Portrait, found: Decontamination) -> Iterator[str]:
        for maker in self._gate.unmet():
            yield f"Nothing in the sources was written by `{maker}`, whose answers were to be let in."
        if self._masking is None:
            yield "Nothing is masked: personal data and secrets are in it as they were said."
        if not found.suites:
            yield "There is no suite that it could have been compared with: nothing was decontaminated."
        if self._wish.held_out and not portrait.rows["held-out"]:
            groups = len(portrait.groups["train"])
            hint = (
                "" if groups > 1 else " `--split-by question` parts lines that begin with the same examples."
            )
            are = "is" if groups == 1 else "are"
            yield f"Nothing is held out: there {are} {counted(groups, 'conversation')}.{hint}"
        if not portrait.rows["train"]:
            yield "Nothing is left to learn from: all of it is held out."
