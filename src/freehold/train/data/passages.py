"""What must not be learned, as it would be measured afterwards: the questions and long answers of suites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import msgspec

from freehold.compare.case import Case, Suite, is_askable, request_hash_of
from freehold.compare.suites.shelf import SuiteShelf
from freehold.train.data.forms import Form
from freehold.train.data.said import Said
from freehold.train.data.words import Tokens

Part = Literal["question", "target"]

SHORTEST: dict[str, int] = {"words": 8, "characters": 12}
"""Tokens that a text needs to be found within a longer one; a shorter one counts only where it is all that is asked."""
_SHORTEST_TARGET: dict[str, int] = {"words": 20, "characters": 40}
"""Of an answer by itself: what is shorter may be right in many places."""
_LEARNED_FROM = 500
"""Cases of a suite that tell what form its questions have."""


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One text of a case."""

    suite: Suite
    case_id: str
    unit: tuple[int, str]
    """Cases of one group are one unit: texts that only they share are no manner of speaking."""
    part: Part
    tokens: Tokens
    """What tells it: without the form that many cases of the suite have around their questions."""
    whole: bytes
    """The digest of all of it."""


def passages_of(shelf: SuiteShelf, suites: Sequence[Suite]) -> Iterator[Passage]:
    """The texts of all cases that somebody could have learned by heart. Reads the suites twice."""
    several = _asked_of_several(shelf, suites)
    for place, suite in enumerate(suites):
        form = _form_of(shelf, suite, several)
        for case in shelf.cases(suite.id):
            unit = (place, case.group or case.id)
            if is_askable(case.request):
                whole = _telling(case, several)
                tokens, digest = form.without(whole), whole.digest()
                yield Passage(
                    suite=suite, case_id=case.id, unit=unit, part="question", tokens=tokens, whole=digest
                )
            for text in _texts_in(case.target):
                tokens = Tokens(text)
                if tokens.size >= _SHORTEST_TARGET[tokens.reading]:
                    yield Passage(
                        suite=suite,
                        case_id=case.id,
                        unit=unit,
                        part="target",
                        tokens=tokens,
                        whole=tokens.digest(),
                    )


def _form_of(shelf: SuiteShelf, suite: Suite, several: set[bytes]) -> Form:
    """What stands around the questions of a suite, from its first cases."""
    some = islice((case for case in shelf.cases(suite.id) if is_askable(case.request)), _LEARNED_FROM)
    return Form([_telling(case, several) for case in some])


def _telling(case: Case, several: set[bytes]) -> Tokens:
    """As much of a request as tells which case it is: the question; where it is short or that of several cases, with
    what was said before; where that is no more, with the instructions.
    """
    said = Said(msgspec.json.decode(case.request))
    question = Tokens(said.question)
    is_short = question.size < SHORTEST[question.reading]
    if not (is_short and said.before) and question.digest() not in several:
        return question
    whole = Tokens(said.conversation)
    if whole.digest() not in several:
        return whole
    return Tokens(f"{said.instructions}\n{said.conversation}")


def _asked_of_several(shelf: SuiteShelf, suites: Sequence[Suite]) -> set[bytes]:
    """The texts that are in different requests, and so tell none of them."""
    first: dict[bytes, bytes] = {}
    several = set()
    for suite in suites:
        for case in shelf.cases(suite.id):
            if not is_askable(case.request):
                continue
            said = Said(msgspec.json.decode(case.request))
            request = bytes.fromhex(request_hash_of(case.request))[:12]
            for text in {said.question, said.conversation}:
                digest = Tokens(text).digest()
                if first.setdefault(digest, request) != request:
                    several.add(digest)
    return several


def _texts_in(target: msgspec.Raw) -> list[str]:
    """The answers in prose that a target holds. What has the form of JSON is a label, which many cases may share."""
    if not bytes(target):
        return []
    value: Any = msgspec.json.decode(target)
    texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    return [one for one in texts if not one.lstrip().startswith(("{", "["))]
