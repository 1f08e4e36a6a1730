"""How alike an answer and a text are: `chrf`, `rouge-l`, `token-f1`.

With several texts in the target, the one that the answer is most like counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.kind import Kind, Look
from freehold.compare.scorers.normal import normal
from freehold.compare.scorers.texts import Texts, all_of
from freehold.compare.scoring import Scored

_WORD = re.compile(r"[^\W_]+")
_MOST_CHARACTERS = 200_000
"""Of an answer that are looked at."""


class ChrfSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `chrf` is set."""

    order: Annotated[int, msgspec.Meta(ge=1, le=12)] = 6
    """The longest run of characters."""
    beta: Annotated[float, msgspec.Meta(gt=0, le=10)] = 2.0
    """How much more recall counts than precision."""


class RougeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `rouge-l` is set."""

    case: bool = False
    """Whether capital letters count."""


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `token-f1` is set."""

    articles: bool = True
    """Whether `a`, `an` and `the` do not count."""


def chrf(text: str, reference: str, *, order: int = 6, beta: float = 2.0) -> float:
    """Character n-gram F-score, 0 … 1: F = (1 + b²) P R / (b² P + R), where P and R are the means, over n = 1 … order,
    of the shares of the n-grams of the text that the reference has, and of the reference's that the text has, each
    counted as often as in both; white space does not count. Lengths of which either text has no n-gram are left out.

    Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015; the same as sacreBLEU's
    chrF2 of one sentence.
    """
    one, other = "".join(text.split()), "".join(reference.split())
    if not one or not other:
        return float(one == other)
    precision = recall = 0.0
    used = 0
    for size in range(1, order + 1):
        mine, theirs = len(one) - size + 1, len(other) - size + 1
        if mine <= 0 or theirs <= 0:
            break
        grams = Counter(one[at : at + size] for at in range(mine))
        wanted = Counter(other[at : at + size] for at in range(theirs))
        shared = (grams & wanted).total()
        precision += shared / mine
        recall += shared / theirs
        used += 1
    precision, recall = precision / used, recall / used
    both = beta * beta * precision + recall
    return (1 + beta * beta) * precision * recall / both if both else 0.0


def rouge_l(text: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, 0 … 1: P = L / words of the text, R = L / words of the reference,
    F = 2 P R / (P + R).

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004 (sentence level, beta = 1, no stemming).
    """
    one, other = words_of(text), words_of(reference)
    if not one or not other:
        return float(one == other)
    return 2 * longest_common(one, other) / (len(one) + len(other))


def token_f1(text: str, reference: str, *, articles: bool = True) -> float:
    """F1 of the words, in any order, each counted as often as in both, 0 … 1.

    Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", 2016. Texts are
    `normalised` first.
    """
    one, other = (
        normal(each, case=True, punctuation=True, whitespace=True, unicode=True, articles=articles).split()
        for each in (text, reference)
    )
    if not one or not other:
        return float(one == other)
    return 2 * (Counter(one) & Counter(other)).total() / (len(one) + len(other))


def words_of(text: str) -> list[str]:
    """The words of a text; where words are not written apart (Chinese, Japanese), each character is one."""
    found = []
    for word in _WORD.findall(text):
        if word.isascii():
            found.append(word)
        else:
            found.extend(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\u3040-\u30ff\u3400-\u9fff]+", word))
    return found


def longest_common(one: list[str], other: list[str]) -> int:
    """The length of the longest common subsequence, with a bit for each word of `one`.

    Source: Crochemore et al., "A fast and practical bit-vector algorithm for the longest common subsequence problem",
    2001: V' = (V + (V & M)) | (V & ~M), and the length is the number of zero bits of V in the end.
    """
    # A number for each different word of a long text would take more memory than there is.
    shared = set(other)
    places: dict[str, int] = {}
    for at, word in enumerate(one):
        if word in shared:
            places[word] = places.get(word, 0) | 1 << at
    full = (1 << len(one)) - 1
    bits = full
    for word in other:
        met = bits & places.get(word, 0)
        bits = ((bits + met) | (bits - met)) & full
    return len(one) - bits.bit_count()


def _best(like: Callable[[str, str], float]) -> Look[Texts]:
    def look(target: Texts, answer: Answer) -> Scored:
        text = answer.text[:_MOST_CHARACTERS]
        return Scored(max(like(text, one[:_MOST_CHARACTERS]) for one in all_of(target)))

    return look


def _rouge(settings: RougeSettings) -> Look[Texts]:
    if settings.case:
        return _best(rouge_l)
    return _best(lambda text, reference: rouge_l(text.casefold(), reference.casefold()))


CHRF = Kind(
    name="chrf",
    version=1,
    settings=ChrfSettings,
    target=Texts,
    make=lambda settings: _best(
        lambda text, reference: chrf(text, reference, order=settings.order, beta=settings.beta)
    ),
)
ROUGE_L = Kind(name="rouge-l", version=1, settings=RougeSettings, target=Texts, make=_rouge)
TOKEN_F1 = Kind(
    name="token-f1",
    version=1,
    settings=TokenSettings,
    target=Texts,
    make=lambda settings: _best(
        lambda text, reference: token_f1(text, reference, articles=settings.articles)
    ),
)
