"""A suite's cases as lines: with the answers that they tell, or those in the archive that were found good."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from freehold.compare.case import Case, ScorerSettings, Suite, is_askable
from freehold.compare.full_marks import FoundGood, found_good
from freehold.compare.judges.settings import KINDS
from freehold.core.clock import as_datetime
from freehold.train.data.answers import kept, said_by
from freehold.train.data.draft import UNKNOWN, Draft
from freehold.train.data.row import PEOPLE
from freehold.train.data.tally import Tally
from freehold.train.data.targets import answer_in_target

if TYPE_CHECKING:
    from freehold.compare.archive import Archive
    from freehold.compare.suites.shelf import SuiteShelf

Ground = Literal["target", "scorer", "judge"]
"""Why an answer is taken: the case tells it, every scorer gave it full marks, a judge did or preferred it."""

MADE_OF = (
    "It is made of cases of the suite `{name}` ({hash}), which cannot measure a model that was trained on it."
)


class SuiteCases:
    """The cases of one suite as a source."""

    def __init__(
        self,
        suite: Suite,
        shelf: SuiteShelf,
        archive: Archive,
        *,
        grounds: Collection[Ground],
        maker: str | None = None,
    ) -> None:
        """`maker`: who wrote the targets, which no suite tells."""
        self.suite = suite
        self._shelf = shelf
        self._archive = archive
        self._grounds = frozenset(grounds)
        self._maker = maker or UNKNOWN

    @property
    def name(self) -> str:
        """`suite:NAME`."""
        return f"suite:{self.suite.name}"

    @property
    def scorers(self) -> tuple[ScorerSettings, ...]:
        """Those that need nobody to be asked."""
        return tuple(one for one in self.suite.scorers if one.kind not in KINDS and one.kind != "inspect")

    def drafts(self, tally: Tally) -> Iterator[Draft]:
        """See `Source`."""
        tally.note(MADE_OF.format(name=self.suite.name, hash=self.suite.hash[:12]))
        if "target" in self._grounds:
            yield from self._of_targets(tally)
        grounds: list[Literal["scorer", "judge"]] = [
            one for one in ("scorer", "judge") if one in self._grounds
        ]
        if grounds:
            for found in found_good(self.suite, self._shelf, self._archive, grounds):
                tally.look()
                if not found:
                    tally.leave_out("source", "are cases of which no kept answer was found good")
                for place, one in enumerate(found):
                    if is_askable(one.case.request):
                        yield self._of_answer(one, place)

    def _of_targets(self, tally: Tally) -> Iterator[Draft]:
        for case in self._shelf.cases(self.suite.id):
            tally.look()
            target = _target_of(case)
            text = None if target is UNSET else answer_in_target(target, self.suite.scorers)
            if text is None or not is_askable(case.request):
                tally.leave_out("source", "are cases whose target is no answer")
                continue
            yield self._draft(
                case,
                id=f"{self.suite.hash[:12]}:{case.id}",
                answer=said_by(text),
                maker=self._maker,
                accepted="people" if self._maker == PEOPLE else "unchecked",
            )

    def _of_answer(self, found: FoundGood, place: int) -> Draft:
        made_us = found.answer.made_us
        return self._draft(
            found.case,
            id=f"{self.suite.hash[:12]}:{found.case.id}:{found.ground}:{place}",
            answer=kept(found.answer),
            maker=found.answer.model,
            accepted=found.ground,
            rejected=None if found.worse is None else kept(found.worse),
            rejected_maker=UNKNOWN if found.worse is None else found.worse.model,
            made_on=_day(made_us) if made_us else None,
        )

    def _draft(self, case: Case, **more: Any) -> Draft:
        return Draft(
            request=msgspec.json.decode(case.request),
            origin=f"suite {self.suite.hash[:12]} case {case.id}",
            group=None if case.group is None else f"{self.suite.name}:{case.group}",
            target=_target_of(case),
            task_class=case.task_class,
            **more,
        )


def _target_of(case: Case) -> Any | UnsetType:
    return msgspec.json.decode(case.target) if bytes(case.target) else UNSET


def _day(us: int) -> date:
    return as_datetime(us).date()
