"""The text of `freehold.toml`: its values, and the line on which each is written."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

from freehold.core.errors import SettingsError

Key = tuple[str | int, ...]
"""Path of a setting: table names, then the setting's name; numbers count the tables of an array."""

_WORD = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_HEADER = re.compile(rf"\s*\[(\[)?\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_STRING = re.compile(r"""\"\"\"|'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#.*|[\[\]{}]""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)|\s*\(at end of document\)")
_SLASH_IN_HEADER = re.compile(r"\s*\[[^\"'\]]*/")


def written(key: Key) -> str:
    """The path as one would write it: `models."openai/gpt-4o".prices[0].input`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        quoted = part if _BARE.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text += f".{quoted}" if text else quoted
    return text


class Source:
    """One configuration file, or none: then everything is empty."""

    def __init__(self, path: Path | None, text: str = "") -> None:
        """Raises SettingsError, with the line, when `text` is not TOML."""
        self.path = path
        self.version = blake2b(text.encode(), digest_size=6).hexdigest()
        """What the text is called: another text has another name."""
        try:
            self.values: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise self._not_toml(str(error), text.splitlines()) from None
        except (RecursionError, ValueError, ArithmeticError):
            raise SettingsError(
                "This is TOML that nobody can mean: a number of thousands of digits, or tables in tables without end.",
                where=self.place(None),
            ) from None
        self._lines = _lines_of(text)

    def line_of(self, key: Key) -> int | None:
        """The line on which a setting is written, or the nearest table around it."""
        while key:
            if key in self._lines:
                return self._lines[key]
            key = key[:-1]
        return None

    def place(self, line: int | None) -> str | None:
        """`freehold.toml:7`."""
        if self.path is None:
            return None
        return f"{self.path}:{line}" if line else str(self.path)

    def _not_toml(self, message: str, lines: list[str]) -> SettingsError:
        found = _AT_LINE.search(message)
        line = int(found[1]) if found and found[1] else len(lines)
        what = _AT_LINE.sub("", message)
        hint = None
        if line <= len(lines) and _SLASH_IN_HEADER.match(lines[line - 1]):
            hint = 'A name with a slash is quoted: `[models."openai/gpt-4o"]`.'
        return SettingsError(f"This is not TOML: {what}.", hint=hint, where=self.place(line))


def read_source(path: Path) -> Source:
    """The file's contents. Raises SettingsError when it cannot be read."""
    try:
        return Source(path, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"`{path}` cannot be read: {error.strerror}.", where=str(path)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"`{path}` is not UTF-8 text.", where=str(path)) from None


def _lines_of(text: str) -> dict[Key, int]:
    """Where each table and setting is written. The text is known to be TOML, so little care is needed."""
    lines: dict[Key, int] = {}
    arrays: dict[Key, int] = {}
    table: Key = ()
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        rest = line
        if not inside:
            if header := _HEADER.match(line):
                table = _resolved(_words(header[2]), arrays)
                if header[1]:
                    lines.setdefault(table, number)
                    arrays[table] = arrays.get(table, -1) + 1
                    table = (*table, arrays[table])
                lines[table] = number
                continue
            if not (assignment := _ASSIGNMENT.match(line)):
                continue
            key = (*table, *_words(assignment[1]))
            for length in range(len(table) + 1, len(key) + 1):
                lines.setdefault(key[:length], number)
            rest = line[assignment.end() :]
        _follow(rest, inside)
    return lines


def _words(dotted: str) -> Key:
    return tuple(
        next(iter(tomllib.loads(f"{word} = 0"))) if word[0] in "\"'" else word
        for word in re.findall(_WORD, dotted)
    )


def _resolved(words: Key, arrays: dict[Key, int]) -> Key:
    """`words`, with the number of its last table after the name of each array of tables passed through."""
    table: Key = ()
    for place, word in enumerate(words):
        table = (*table, word)
        if place < len(words) - 1 and table in arrays:
            table = (*table, arrays[table])
    return table


def _follow(rest: str, inside: list[str]) -> None:
    """Keep account, in `inside`, of the brackets and long strings that a value leaves open."""
    place = 0
    while place < len(rest):
        if inside and inside[-1] in ('"""', "'''"):
            end = rest.find(inside[-1], place)
            if end < 0:
                return
            place = end + 3
            inside.pop()
            continue
        found = _STRING.search(rest, place)
        if not found:
            return
        place = found.end()
        token = found[0]
        if token in ('"""', "'''", "[", "{"):
            inside.append(token)
        elif token in ("]", "}") and inside:
            inside.pop()
