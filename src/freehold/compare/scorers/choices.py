"""Answers that choose one of several lettered options: `choice`.

An answer says its letter in many ways. They are tried from the plainest to the vaguest, and the first way in which the
answer says anything decides. Where it says two different letters in that way, none is picked for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.boxes import last_box
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scorers.texts import shown, wanted
from freehold.compare.scoring import Scored

Target = str | int | list[str | int]
"""A letter; or its place among the letters, from 0; or several of which any is right."""


class ChoiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `choice` is set."""

    letters: Annotated[str, msgspec.Meta(min_length=2, max_length=50)] = "ABCDEFGHIJ"
    """What the options are called, in their order: letters, digits (`①` is the same as `1`), `가나다라`."""
    unclear: Literal["wrong", "no verdict"] = "wrong"
    """What an answer is that names no option, or two: `wrong` is 0; `no verdict` makes that the pair does not count."""


Way = Callable[[str], list[str]]
"""The letters that a text says in one way."""


def _choice(settings: ChoiceSettings) -> Look[Target]:
    letters = _plain(settings.letters).replace(" ", "")
    if len(set(letters)) != len(letters):
        raise Unfit("`letters` has one twice.")
    ways = _ways(letters)

    def wanted_of(target: str | int) -> str:
        if isinstance(target, int):
            if not 0 <= target < len(letters):
                raise Unfit(f"{target} is not the place of one of {len(letters)} options, from 0.")
            return letters[target]
        letter = _bare(_plain(target)).upper()
        if len(letter) != 1 or letter not in letters:
            raise Unfit(f"{shown(target)} is none of `{letters}`.")
        return letter

    def look(target: Target, answer: Answer) -> Scored:
        right = [wanted_of(one) for one in (target if isinstance(target, list) else [target])]
        if not right:
            raise Unfit("the list is empty, so nothing could be right.")
        text = _single_spaced(_plain(answer.text[-_MOST_CHARACTERS:]))
        said = next((found for way in ways if (found := list(dict.fromkeys(way(text))))), [])
        if len(said) == 1:
            return _RIGHT if said[0] in right else Scored(0.0, f"it chose `{said[0]}`, not {wanted(right)}")
        why = f"it names {' and '.join(f'`{one}`' for one in said)}" if said else "it names no option"
        return Scored(0.0 if settings.unclear == "wrong" else None, f"{why}: {shown(answer.text)}")

    return look


_RIGHT = Scored(1.0)
_CAPITALS = re.compile("[A-Z]")


_SPACES = re.compile(r"\s{2,}")
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_MOST_CHARACTERS = 200_000
"""Of an answer that are looked at, from its end."""


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _single_spaced(text: str) -> str:
    """Each run of white space as one character, which keeps whether a line ended in it: the patterns would else try
    every way to share a long run among them.
    """
    return _SPACES.sub(lambda run: " " if _LINE_ENDS.isdisjoint(run[0]) else "\n", text)


def _bare(text: str) -> str:
    return text.strip().strip("()[]{}<>*_`\"'.:,;!번 \t\n$")


def _ways(letters: str) -> list[Way]:
    one = f"[{re.escape(letters)}]"
    small = f"[{re.escape(letters + letters.lower())}]"
    open_, close = r"[(\[{*_`\"'<]{0,4}\s?", r"[)\]}*_`\"'>]{0,4}"
    # A capital A that a small word follows is an article, and an I before one a pronoun.
    alone = r"(?![A-Za-z0-9가-힣])(?!\s+[a-z]{2})" if _CAPITALS.search(letters) else r"(?![0-9A-Za-z])"
    ending = rf"(?:번|{alone})"
    joined = r"(?:,|/|&|\bor\b|\band\b|또는|혹은|과|와|이나|나)"
    tail = rf"(?:\s*{joined}\s*{open_}(?P<more>{one})(?:번|(?![A-Za-z0-9가-힣])))?"
    subject = (
        r"(?:final\s+answer|best\s+answer|correct\s+answer|right\s+answer|answer|correct\s+option|correct\s+choice"
        r"|best\s+option|best\s+choice|정답|답안|답)"
    )
    verb = r"\s*(?:\w{1,30}\s+){0,3}?(?:is|are|would\s+be|should\s+be|must\s+be|:|=|은|는)\s*[:=]?\s*"
    surely = r"(?:therefore|thus|hence|clearly|definitely|probably|most\s+likely)?"
    what = rf"{surely}\s*(?:option|choice|answer|letter|보기)?\s*:?\s*"
    said = re.compile(
        rf"(?i:{subject}{close}{verb}{open_}{what}){open_}(?P<one>{one}){close}(?:{ending})?{tail}"
    )
    chosen = re.compile(
        rf"(?i:\b(?:i\s+(?:would\s+)?(?:choose|pick|select)|(?:option|choice))\s+(?:option\s+|choice\s+)?){open_}(?P<one>{one}){close}"
        rf"(?![A-Za-z0-9]){tail}"
    )
    first = re.compile(rf"\s*{open_}(?P<one>{one})(?:번|{close}(?:[.):]|\s*[-–—]\s|\s*$|\s*\n)){tail}")
    marked = re.compile(
        rf"\((?P<one>{one})\)|\*\*(?P<two>{one})[.):]?\*\*|(?<![A-Za-z0-9])(?P<three>{one})번"
    )
    whole = re.compile(rf"{small}번?")

    def in_box(text: str) -> list[str]:
        box = last_box(text)
        if box is None:
            return []
        inner = _bare(re.sub(r"\\(?:text|textbf|mathrm|mathbf)\s*", "", box))
        found = re.match(rf"({small})(?![A-Za-z0-9가-힣])", inner)
        return [found[1].upper()] if found else []

    def as_a_whole(text: str) -> list[str]:
        bare = _bare(text)
        return [bare[0].upper()] if whole.fullmatch(bare) else []

    def in_words(text: str) -> list[str]:
        found = [each for each in said.finditer(text) if _is_said(text, each)]
        return [letter for each in found for letter in (each["one"], each["more"]) if letter]

    def chosen_in_words(text: str) -> list[str]:
        found = chosen.finditer(text)
        return [letter for each in found for letter in (each["one"], each["more"]) if letter]

    def at_the_beginning(text: str) -> list[str]:
        found = first.match(text)
        if not found:
            return []
        # Another option on a line of its own: the answer lists them, and chooses none.
        others = [each["one"] for line in text.splitlines()[1:] if (each := first.match(line))]
        return [found["one"], *([found["more"]] if found["more"] else []), *others]

    def with_marks(text: str) -> list[str]:
        return [each["one"] or each["two"] or each["three"] for each in marked.finditer(text)]

    def _is_said(text: str, each: re.Match[str]) -> bool:
        """Whether it is a letter and no word: "The answer is A dog"."""
        if each["one"] not in "AI" or not each["one"].isascii():
            after = text[each.end("one") : each.end("one") + 1]
            return not (after.isascii() and after.isalnum())
        bare = text[each.start("one") - 1 : each.start("one")].isspace()
        return (
            re.match(
                r"[A-Za-z0-9]" + (r"|\s+[a-z]{2}(?<!\bor)(?<!\bas)" if bare else ""), text[each.end("one") :]
            )
            is None
        )

    return [in_box, as_a_whole, in_words, chosen_in_words, at_the_beginning, with_marks]


CHOICE = Kind(name="choice", version=1, settings=ChoiceSettings, target=Target, make=_choice)
