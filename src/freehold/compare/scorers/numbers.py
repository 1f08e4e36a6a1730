"""Numbers in texts, exactly, as people and models write them.

Read are: signs, thousands separators (a comma, an apostrophe, a space that does not break), decimal fractions, powers
of ten, fractions (`3/4`, `1 1/2`, `½`, `\\frac{3}{4}`), percents, the digits of all scripts, currency signs, `thousand`
to `trillion`, and 십, 백, 천, 만, 억, 조 with their Chinese and Japanese forms.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import msgspec

Mark = Literal[".", ","]

_MOST_DIGITS = 1000
_MOST_EXPONENT = 9999
_NEAR = 50
"""Characters; a number is rarely longer."""
_SMALL = {"십": 10, "十": 10, "백": 100, "百": 100, "천": 1000, "千": 1000}
_LARGE = {
    "만": 10**4,
    "万": 10**4,
    "萬": 10**4,
    "억": 10**8,
    "亿": 10**8,
    "億": 10**8,
    "조": 10**12,
    "兆": 10**12,
}
_WORDS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_UNIT = f"[{''.join((*_SMALL, *_LARGE))}](?![큼각합약])"
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_NO_BREAK = re.compile("(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3})")
_SINGLE = str.maketrans(
    {"−": "-", "–": "-", "﹣": "-", "٫": ".", "٬": ",", "٪": "%", "’": "'", "⁄": "/", "∕": "/"}
)
_FRAC = re.compile(r"\\[dt]?frac\s*(?:\{\s*([0-9]+)\s*\}\s*\{\s*([0-9]+)\s*\}|([0-9])([0-9]))")
_LATEX = re.compile(r"\\(?=[$%])|\\[,!;: ](?=[0-9])|\{(?=,\})|(?<=,)\}(?=[0-9])")


class Number(msgspec.Struct, frozen=True):
    """A number that was found."""

    value: Fraction
    percent: bool = False
    """Whether a percent sign follows; `value` is what stands before it."""
    begin: int = 0
    end: int = 0
    """Where it stands in the text as `plain` has it."""


def plain(text: str) -> str:
    """The text with all digits and signs in the forms that the patterns here know."""
    if not text.isascii():
        text = _NO_BREAK.sub("_", text)
        text = _RAISED.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPT), text)
        text = "".join(f" {one}" if "VULGAR" in unicodedata.name(one, "") else one for one in text)
        text = unicodedata.normalize("NFKC", text).translate(_SINGLE)
        text = "".join(
            str(unicodedata.decimal(one)) if unicodedata.category(one) == "Nd" else one for one in text
        )
    if "\\" in text or "{" in text:
        text = _FRAC.sub(lambda found: f" {found[1] or found[3]}/{found[2] or found[4]}", text)
        text = _LATEX.sub("", text)
    return text


@lru_cache(maxsize=2)
def pattern(mark: Mark) -> re.Pattern[str]:
    """The pattern of a number where `mark` stands before the decimals."""
    dot, comma = (r"\.", ",") if mark == "." else (",", r"\.")
    body = rf"(?:[0-9]{{1,3}}(?:(?P<s>[{comma}_'])[0-9]{{3}})(?:(?P=s)[0-9]{{3}})*(?![0-9])|[0-9]+)(?:{dot}[0-9]+)?"
    body = rf"(?:{body}|{dot}[0-9]+)"
    later = rf"(?:[0-9]{{1,3}}(?:{comma}[0-9]{{3}})+|[0-9]+)(?:{dot}[0-9]+)?"
    return re.compile(
        rf"(?<![A-Za-z0-9_])(?:(?<![\w)\]])(?P<sign>[-+])\s?)?(?:[$€£₩¥]\s?(?P<inner>[-+])?)?"
        rf"(?P<body>{body})"
        rf"(?:(?P<east>{_UNIT}(?:{_UNIT}|\s?{later}(?={_UNIT})|(?:\s?(?=[0-9],?[0-9]{{2,3}}(?![0-9,])))?{later})*)"
        rf"|[eE](?P<e>[-+]?[0-9]{{1,5}})(?![0-9A-Za-z])"
        rf"|\s?(?:[x×*·]|\\times|\\cdot)\s?10\s?\^\s?\{{?(?P<power>[-+]?[0-9]{{1,5}})\}}?"
        rf"|\s?/\s?(?P<under>[0-9]+)(?![0-9./])"
        rf"|(?:\s|\s?and\s)(?P<over>[0-9]+)/(?P<below>[0-9]+)(?![0-9/])"
        rf"|\^\{{?(?P<raised>[0-9]{{1,3}})\}}?"
        rf"|(?P<k>[kK])(?![A-Za-z]))?"
        rf"(?:\s(?P<word>hundred|thousand|million|billion|trillion)s?\b)?"
        rf"(?P<percent>\s?(?:%|percent\b|per\scent\b|퍼센트|프로(?![가-힣])))?",
        re.IGNORECASE,
    )


def numbers_in(text: str, mark: Mark = ".") -> list[Number]:
    """All numbers in a text that is `plain`."""
    found = (number_of(one, mark) for one in pattern(mark).finditer(text))
    return [one for one in found if one is not None]


def last_number(text: str, mark: Mark = ".") -> Number | None:
    """The last number in a text that is `plain`."""
    # Looking at all of a long text for its last number takes time: nearly always it is near the end, and far enough
    # from where one began to look that nothing before that belongs to it.
    for begin in (max(0, len(text) - 4 * _NEAR), 0):
        last = None
        for one in pattern(mark).finditer(text, begin):
            last = one
        if last is not None and (not begin or last.start() > begin + _NEAR):
            return number_of(last, mark)
    return None


def number_of(found: re.Match[str], mark: Mark) -> Number | None:
    """The number that was found; None: it is too large to be one, or divides by nothing."""
    parts = found.groupdict()
    if found.end() - found.start() > _MOST_DIGITS:
        return None
    value = _decimal(parts["body"], mark)
    if parts["east"]:
        value = _eastern(value, parts["east"], mark)
    exponent = parts["e"] or parts["power"]
    if exponent:
        if abs(int(exponent)) > _MOST_EXPONENT:
            return None
        value *= Fraction(10) ** int(exponent)
    divisor = parts["under"] or parts["below"]
    if parts["under"] and found.string[found.start() - 1 : found.start()] == "/":
        value = Fraction(divisor)  # the third of a date
    elif divisor:
        if not int(divisor):
            return None
        value = value / int(divisor) if parts["under"] else value + Fraction(int(parts["over"]), int(divisor))
    if parts["raised"]:
        if value > 10**6:
            return None
        value = value ** int(parts["raised"])
    if parts["k"]:
        value *= 1000
    if parts["word"]:
        value *= _WORDS[parts["word"].lower()]
    if (parts["sign"] or parts["inner"]) == "-":
        value = -value
    return Number(value, bool(parts["percent"]), found.start(), found.end())


def _decimal(text: str, mark: Mark) -> Fraction:
    for separator in ("_", "'", "," if mark == "." else "."):
        text = text.replace(separator, "")
    return Fraction(text.replace(",", "."))


def _eastern(first: Fraction, rest: str, mark: Mark) -> Fraction:
    """`first` and the units and numbers after it: each unit counts what stands before it."""
    total, section, current = Fraction(0), Fraction(0), first
    for one in re.findall(r"[0-9.,]+|[^\s0-9.,]", rest):
        if one in _SMALL:
            section += (current or 1) * _SMALL[one]
            current = Fraction(0)
        elif one in _LARGE:
            total += (section + current or 1) * _LARGE[one]
            section = current = Fraction(0)
        else:
            current = _decimal(one, mark)
    return total + section + current
