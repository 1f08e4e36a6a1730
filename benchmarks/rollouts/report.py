"""The tables of a run: for the terminal and, between their markers, for `docs/rollouts.md`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.gateway.environments import ROOT
from benchmarks.rollouts.rehearsal import Outcome
from freehold.rollout.gates.history import Sample, upper_bound

PAGE = ROOT / "docs" / "rollouts.md"
BEGIN = "<!-- figures: written by `make bench-rollouts` -->"
END = "<!-- end of the figures -->"


class Measured:
    """The outcomes of one world."""

    def __init__(self, name: str, plan: str, outcomes: Sequence[Outcome], *, harmful: bool) -> None:
        self.name, self.plan, self.outcomes, self.harmful = name, plan, outcomes, harmful

    def count(self, state: str) -> int:
        """How many ended so."""
        return sum(one.state == state for one in self.outcomes)

    def share(self, state: str) -> float:
        """The same as a share."""
        return self.count(state) / len(self.outcomes)

    @property
    def answered(self) -> list[int]:
        """Conversations that the candidate answered before it was rolled back, in order."""
        return sorted(one.answered for one in self.outcomes if one.state == "rolled back")


def tables(measured: Sequence[Measured], naive: tuple[int, int] | None) -> Iterator[str]:
    """As Markdown."""
    yield (
        "| the candidate | plan | rollouts | rolled back | finished | undecided | conversations it answered before it "
        "was rolled back: median, 9 in 10, most | copies: median | by which gate |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for one in measured:
        answered = one.answered
        before = "-"
        if answered and one.harmful:
            before = f"{median(answered):,.0f}, {_quantile(answered, 0.9):,}, {answered[-1]:,}"
        gates = Counter(gate for outcome in one.outcomes for gate in outcome.gates)
        copies = median(outcome.copies for outcome in one.outcomes)
        yield (
            f"| {one.name} | `{one.plan}` | {len(one.outcomes):,} | {one.share('rolled back'):.1%} | "
            f"{one.share('finished'):.1%} | {one.share('undecided'):.1%} | {before} | {copies:,.0f} | "
            f"{', '.join(f'{gate} {many:,}' for gate, many in gates.most_common()) or '-'} |"
        )
    if naive is not None:
        false, of = naive
        yield ""
        yield (
            f"The control: two equally good models at `25%`, and a normal test at 5 % of failures, times, costs and "
            f"refusals that is looked at every ten seconds, rolls {false:,} of {of:,} back ({false / of:.0%})."
        )


def most_false(measured: Measured) -> float:
    """The upper end of the 95 % interval of the share that was rolled back."""
    return upper_bound(Sample(len(measured.outcomes), measured.count("rolled back")), -math.log(0.05))


def write_page(text: str) -> None:
    """Put the tables between their markers."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    assert rest and after, f"{PAGE.name} has no place for the figures"
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
