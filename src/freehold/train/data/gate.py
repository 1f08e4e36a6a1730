"""The gate of terms: what nobody may learn from stays out, unless somebody decides otherwise by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date

import msgspec

from freehold.catalog.terms.terms import Terms, Verdict
from freehold.core.errors import BadRequest
from freehold.train.data.draft import UNKNOWN
from freehold.train.data.row import PEOPLE

TermsOf = Callable[[str, date], Terms]
"""The terms that held for a maker's answers on a day."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody lets a maker's answers in although its terms do not simply allow it."""

    maker: str
    reason: str
    """Why, or how the condition is met."""
    by: str
    """Who decided."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one maker, for the report."""

    maker: str
    verdict: Verdict
    terms: Terms
    rows: int
    """Lines of this maker that came so far."""
    let_in: bool
    decision: Decision | None = None


class Gate:
    """Judges the makers of answers, and counts."""

    def __init__(
        self, terms_of: TermsOf, today: date, decisions: Mapping[str, Decision] | None = None
    ) -> None:
        """`decisions`: by maker."""
        self._terms_of = terms_of
        self._today = today
        self._decisions = dict(decisions or {})
        self._known: dict[tuple[str, date], Terms] = {}
        self._met: Counter[tuple[str, Verdict]] = Counter()
        self._terms: dict[tuple[str, Verdict], Terms] = {}
        self.beside: Counter[str] = Counter()
        """Words beside lines that are used by a decision alone, by maker."""

    def why_not(self, maker: str, made_on: date | None) -> str | None:
        """Why a line of this maker stays out, going on from "Left out, as they …"; None: it may come in."""
        terms = self._look(maker, made_on or self._today)
        self._met[maker, terms.verdict] += 1
        self._terms.setdefault((maker, terms.verdict), terms)
        if terms.verdict == "allowed" or maker in self._decisions:
            return None
        match terms.verdict:
            case "forbidden":
                return f"were written by `{maker}`, whose terms ({terms.holder}) forbid to learn from it"
            case "conditional":
                return (
                    f"were written by `{maker}`, whose terms ({terms.holder}) allow it on a condition alone"
                )
            case _ if maker == UNKNOWN:
                return "do not say who wrote them"
            case _:
                return f"were written by `{maker}`, whose terms are not known"

    def may_use(self, maker: str, made_on: date | None) -> bool:
        """Whether a maker's words may be used beside a line; lines alone are counted."""
        terms = self._look(maker, made_on or self._today)
        if terms.verdict == "allowed":
            return True
        if maker not in self._decisions:
            return False
        self.beside[maker] += 1
        self._met[maker, terms.verdict] += 0
        self._terms.setdefault((maker, terms.verdict), terms)
        return True

    def unmet(self) -> list[str]:
        """Makers that somebody decided about, and that wrote nothing."""
        met = {maker for maker, _ in self._met}
        return [maker for maker in self._decisions if maker not in met]

    def judged(self) -> list[Judged]:
        """All makers that were met, those with most lines first."""
        return [
            Judged(
                maker=maker,
                verdict=verdict,
                terms=self._terms[maker, verdict],
                rows=rows,
                let_in=verdict == "allowed" or maker in self._decisions,
                decision=None if verdict == "allowed" else self._decisions.get(maker),
            )
            for (maker, verdict), rows in self._met.most_common()
        ]

    def _look(self, maker: str, on: date) -> Terms:
        found = self._known.get((maker, on))
        if found is None:
            if maker == UNKNOWN:
                found = Terms(verdict="unknown", summary="Nobody says who wrote it.", holder="nobody")
            else:
                found = self._terms_of(maker, on)
            self._known[maker, on] = found
        return found


def notes_of(judged: list[Judged]) -> list[str]:
    """What whoever trains on it has to know of the terms: decisions and conditions, word by word."""
    told = []
    for one in judged:
        if one.decision is None:
            continue
        told.append(
            f"Answers of `{one.maker}` are in it by decision of {one.decision.by}: {one.decision.reason} "
            f"(terms of {one.terms.holder}: {one.verdict}{_read(one.terms)})."
        )
        if one.terms.condition:
            told.append(f"Condition of {one.terms.holder}: {one.terms.condition}")
    return told


def decisions_of(allowed: list[str], by: str | None) -> dict[str, Decision]:
    """Decisions as they are written, `MAKER=REASON`. Raises BadRequest: one has no reason, or nobody's name."""
    found = {}
    for one in allowed:
        maker, _, reason = one.partition("=")
        maker, reason = maker.strip(), reason.strip().strip('"')
        if not reason or not (maker in (UNKNOWN, PEOPLE) or all(maker.partition("/"))):
            raise BadRequest(
                f"`--allow {one}` names no maker with a reason.",
                hint='Write `--allow openai/gpt-4o="our contract of May 2026, section 4"`.',
            )
        if not by or not by.strip():
            raise BadRequest(
                f"Nobody stands for letting answers of `{maker}` in.", hint="Say who decides: `--by NAME`."
            )
        found[maker] = Decision(maker=maker, reason=reason, by=by.strip())
    if by and not allowed:
        raise BadRequest(
            "`--by` says who decides what `--allow` lets in, and nothing is.", hint="Leave it out."
        )
    return found


def _read(terms: Terms) -> str:
    where = f", {terms.source}" if terms.source else ""
    return f"{where}, read on {terms.read_on}" if terms.read_on else where
