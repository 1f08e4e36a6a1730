"""Whether a dataset that is there is still what it was, and may still be used: suites are added, and terms change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from freehold.compare.case import Suite
from freehold.compare.suites.shelf import SuiteShelf
from freehold.train.data.contamination import SuiteTexts
from freehold.train.data.dropped import Dropped, line_of
from freehold.train.data.gate import Gate, Judged
from freehold.train.data.passages import passages_of
from freehold.train.data.report import Decontamination
from freehold.train.data.row import Split
from freehold.train.data.shelf import SPLITS, Dataset, hash_of


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    whole: bool
    """Whether its rows are those that it was made of."""
    contamination: Decontamination
    """What it holds of the suites there are now: `rows` are those that are like a case."""
    makers: tuple[Judged, ...]
    """What the terms say of who wrote it, today."""

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, a sentence each."""
        told = [] if self.whole else ["Its rows are not those that it was made of."]
        told += [
            f"A model that was trained on it cannot be measured with the suite `{suite}`: {many:,} of its rows are "
            "like cases of it."
            for suite, many in self.contamination.by_suite.items()
        ]
        told += [
            f"The terms of `{one.maker}` ({one.terms.holder}) are {one.verdict} today; {one.rows:,} of its rows are "
            "by it."
            for one in self.makers
            if not one.let_in
        ]
        return told


def check(
    dataset: Dataset,
    suites: SuiteShelf,
    measured: Sequence[Suite],
    gate: Gate,
    looked: Callable[[int], None] = lambda n: None,
) -> Checked:
    """Read all of it twice: against these suites, and the terms as they are now."""
    texts, dropped = SuiteTexts(passages_of(suites, measured)), Dropped()
    for split in SPLITS:
        for row in dataset.rows(split):
            texts.meet(line_of(row))
            gate.why_not(row.maker, None)
            looked(1)
    for split in SPLITS:
        for row in dataset.rows(split):
            if (found := texts.found_in(line_of(row))) is not None:
                dropped.add(row, found)
    lines = ((split, _lines(dataset, split)) for split in SPLITS)
    return Checked(
        whole=hash_of(lines) == dataset.manifest.hash,
        contamination=dropped.told(texts, len(measured)),
        makers=tuple(gate.judged()),
    )


def _lines(dataset: Dataset, split: Split) -> Iterator[bytes]:
    with dataset.file(split).open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n")
