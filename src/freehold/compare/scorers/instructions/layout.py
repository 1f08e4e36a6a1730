"""Instructions about how an answer is laid out."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from freehold.compare.scorers.fences import fences_of
from freehold.compare.scorers.instructions.wording import Count, Instruction

_PLACEHOLDER = re.compile(r"\[([^\[\]\n]+)\]")
_BULLET = re.compile(r"^[ \t]*[*+•-][ \t]+\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"(?<![*\w])(\*{1,3})(?![\s*])[^*\n]*(?<![\s*])\1(?!\*)")
_TITLE = re.compile(r"<<([^\n<>]+)>>")
_CONSTRAINED = ("my answer is yes.", "my answer is no.", "my answer is maybe.")
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}


class Placeholders(Instruction, frozen=True, kw_only=True, tag="detectable_content:number_placeholders"):
    """It has at least so many placeholders, such as `[address]`."""

    num_placeholders: Count

    def holds(self, text: str) -> bool:
        """Whether it has."""
        return sum(bool(one.strip()) for one in _PLACEHOLDER.findall(text)) >= self.num_placeholders


class Postscript(Instruction, frozen=True, kw_only=True, tag="detectable_content:postscript"):
    """It ends with a postscript that begins with a marker, `P.S.` or `P.P.S`."""

    postscript_marker: Annotated[str, msgspec.Meta(min_length=1)] = "P.S."

    def holds(self, text: str) -> bool:
        """Whether a line begins with the marker and says something."""
        marker = r"\s*".join(re.escape(one) for one in self.postscript_marker.replace(" ", ""))
        return re.search(rf"^[ \t*_]*{marker}.*\w", text, re.IGNORECASE | re.MULTILINE) is not None


class BulletLists(Instruction, frozen=True, kw_only=True, tag="detectable_format:number_bullet_lists"):
    """It has exactly so many bullet points."""

    num_bullets: Count

    def holds(self, text: str) -> bool:
        """Whether it has."""
        return len(_BULLET.findall(text)) == self.num_bullets


class ConstrainedResponse(
    Instruction, frozen=True, kw_only=True, tag="detectable_format:constrained_response"
):
    """It says `My answer is yes.`, `My answer is no.` or `My answer is maybe.`"""

    def holds(self, text: str) -> bool:
        """Whether it says one of them, and only one."""
        return sum(one in text.lower() for one in _CONSTRAINED) == 1


class HighlightedSections(
    Instruction, frozen=True, kw_only=True, tag="detectable_format:number_highlighted_sections"
):
    """It has at least so many parts between asterisks."""

    num_highlights: Count

    def holds(self, text: str) -> bool:
        """Whether it has."""
        return sum(1 for _ in _HIGHLIGHT.finditer(text)) >= self.num_highlights


class MultipleSections(Instruction, frozen=True, kw_only=True, tag="detectable_format:multiple_sections"):
    """It has at least so many sections that begin with a word and a number, such as `Section 1`."""

    section_spliter: Annotated[str, msgspec.Meta(min_length=1)]
    num_sections: Count

    def holds(self, text: str) -> bool:
        """Whether it has."""
        begins = rf"{re.escape(self.section_spliter)}\s*(?:[0-9]+|[IVXL]+|[A-Z])(?![A-Za-z0-9])"
        return len(re.findall(begins, text)) >= self.num_sections


class JsonFormat(Instruction, frozen=True, kw_only=True, tag="detectable_format:json_format"):
    """All of it is JSON; it may stand in a fenced block."""

    def holds(self, text: str) -> bool:
        """Whether it is."""
        bare = text.strip()
        blocks = fences_of(bare)
        if bare.startswith("```") and len(blocks) == 1 and bare.endswith("```"):
            bare = blocks[0].text
        try:
            msgspec.json.decode(bare)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return False
        return True


class Title(Instruction, frozen=True, kw_only=True, tag="detectable_format:title"):
    """It has a title in double angular brackets, such as `<<poem of joy>>`."""

    def holds(self, text: str) -> bool:
        """Whether it has."""
        return any(one.strip() for one in _TITLE.findall(text))


class TwoResponses(Instruction, frozen=True, kw_only=True, tag="combination:two_responses"):
    """It has two different answers, with six asterisks between them."""

    def holds(self, text: str) -> bool:
        """Whether it has."""
        parts = [part.strip() for part in text.split("******")]
        return len(parts) == 2 and all(parts) and parts[0] != parts[1]


class RepeatPrompt(Instruction, frozen=True, kw_only=True, tag="combination:repeat_prompt"):
    """It begins with the request, word for word."""

    prompt_to_repeat: str

    def holds(self, text: str) -> bool:
        """Whether it does; case does not matter."""
        return text.strip().lower().startswith(self.prompt_to_repeat.strip().lower())


class EndChecker(Instruction, frozen=True, kw_only=True, tag="startend:end_checker"):
    """It ends with a phrase, and nothing comes after that."""

    end_phrase: str

    def holds(self, text: str) -> bool:
        """Whether it does; case and a quotation mark around all do not matter."""
        return text.strip().strip('"').strip().lower().endswith(self.end_phrase.strip().lower())


class Quotation(Instruction, frozen=True, kw_only=True, tag="startend:quotation"):
    """All of it is in double quotation marks."""

    def holds(self, text: str) -> bool:
        """Whether it is."""
        bare = text.strip()
        return len(bare) > 1 and bare[0] in _QUOTES and bare[-1] == _QUOTES[bare[0]]


class Paragraphs(Instruction, frozen=True, kw_only=True, tag="length_constraints:number_paragraphs"):
    """It has so many paragraphs, with `***` between them."""

    num_paragraphs: Count

    def holds(self, text: str) -> bool:
        """Whether it has; none of them is empty."""
        parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", text)]
        while parts and not parts[0]:
            parts.pop(0)
        while parts and not parts[-1]:
            parts.pop()
        return all(parts) and len(parts) == self.num_paragraphs


class ParagraphFirstWord(
    Instruction, frozen=True, kw_only=True, tag="length_constraints:nth_paragraph_first_word"
):
    """It has so many paragraphs, with empty lines between them, of which one begins with a word."""

    num_paragraphs: Count
    nth_paragraph: Annotated[int, msgspec.Meta(ge=1)]
    first_word: str

    def holds(self, text: str) -> bool:
        """Whether it has; case and punctuation of the word do not matter."""
        parts = [part.split() for part in re.split(r"\n\s*\n", text) if part.strip()]
        if len(parts) != self.num_paragraphs or self.nth_paragraph > len(parts):
            return False
        word = parts[self.nth_paragraph - 1][0]
        found = re.search(r"\w(?:.*\w)?", word, re.DOTALL)
        return (found[0].lower() if found else "") == self.first_word.lower()
