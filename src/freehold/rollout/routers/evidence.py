"""What comparisons over a suite say of a route's models: by question, who answered it how much better or worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from freehold.compare.archive import Archive, PairRow
from freehold.compare.case import Case, Suite
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.core.errors import BadRequest
from freehold.engine.conversation import conversation_of
from freehold.routing.learned.hashing import READ
from freehold.wire.request import read_chat_request

_COMPARISONS = 1_000
_PORTION = 500


class Label(msgspec.Struct, frozen=True):
    """A question with what is known of its answers."""

    prompt: str
    unit: str
    """Questions of the same one hang together."""
    differences: dict[str, float]
    """By candidate: its score minus the incumbent's."""


class Gathered(msgspec.Struct):
    """All that is known."""

    labels: list[Label] = []
    costs: dict[str, tuple[Decimal, int]] = {}
    """By model, the incumbent among them: what answers cost whose cost is known, and how many they are."""
    comparisons: list[Comparison] = []
    unread: int = 0
    """Questions without a text of a user, by which nobody can choose."""


def gather(suite: Suite, incumbent: str, shelf: SuiteShelf, archive: Archive) -> Gathered:
    """What all comparisons over `suite` with this incumbent have found, with the prompts that they were asked with."""
    found = Gathered()
    found.comparisons = [
        one
        for one in archive.newest(_COMPARISONS)
        if one.suite == suite.id and one.terms.incumbent == incumbent and one.terms.prompt is None
    ]
    pairs: dict[str, dict[str, PairRow]] = {}
    for comparison in reversed(found.comparisons):  # of two pairs for one question, the newer
        for candidate in comparison.terms.candidates:
            for row in _counted(archive, comparison.id, candidate):
                pairs.setdefault(row.case_id, {})[candidate] = row
    for ids in _portions(sorted(pairs)):
        cases = shelf.by_id(suite.id, ids)
        _count_costs(found, archive, incumbent, [pairs[one] for one in ids])
        for case_id in ids:
            prompt = prompt_of(cases[case_id])
            if prompt is None:
                found.unread += 1
                continue
            differences = {name: row.difference for name, row in pairs[case_id].items()}
            known = {name: one for name, one in differences.items() if one is not None}
            found.labels.append(Label(prompt, cases[case_id].group or f"\0{case_id}", known))
    return found


def prompt_of(case: Case) -> str | None:
    """What a policy would be told of the case's question: what the user said last."""
    fields = msgspec.json.decode(case.request, type=dict[str, msgspec.Raw])
    body = msgspec.json.encode({"model": "any", **fields})
    try:
        request = read_chat_request(body)
        return conversation_of(request, key_id=None, route="", heading=None, reads=READ).prompt
    except BadRequest:
        return None


def _counted(archive: Archive, comparison: str, candidate: str) -> Iterator[PairRow]:
    for rows in archive.pairs(comparison, candidate):
        yield from (row for row in rows if row.difference is not None)


def _count_costs(
    found: Gathered, archive: Archive, incumbent: str, pairs: Sequence[dict[str, PairRow]]
) -> None:
    ids = {
        one for rows in pairs for row in rows.values() for one in (row.incumbent_answer, row.candidate_answer)
    }
    answers = archive.answers([one for one in ids if one])
    counted: set[str] = set()
    for rows in pairs:
        for candidate, row in rows.items():
            for model, answer_id in ((incumbent, row.incumbent_answer), (candidate, row.candidate_answer)):
                answer = answers.get(answer_id)
                if answer is not None and answer.cost is not None and answer_id not in counted:
                    counted.add(answer_id)
                    total, many = found.costs.get(model, (Decimal(0), 0))
                    found.costs[model] = total + answer.cost, many + 1


def _portions(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + _PORTION] for at in range(0, len(ids), _PORTION))
