"""What is wrong with a configuration, collected so that everything is told at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from freehold.config.source import Key, Source, written
from freehold.core.errors import SettingsError

Level = Literal["error", "warning", "info"]


class Finding(msgspec.Struct, frozen=True):
    """Something about the configuration that its owner should know."""

    level: Level
    message: str
    hint: str | None = None
    """The next step."""
    where: str | None = None
    """File and line, `freehold.toml:7`, or `the command line`."""
    key: str | None = None
    """Full path of the setting, as it would be written: `providers.openai.api_key`."""


class InvalidSettingsError(SettingsError):
    """The configuration cannot be used; `problems` holds every reason, in the order of the file.

    `secret_files` are the files it refers to for secrets, whether they exist or not.
    """

    def __init__(
        self, problems: Iterable[Finding], *, where: str | None, secret_files: tuple[Path, ...] = ()
    ) -> None:
        self.problems = tuple(problems)
        self.secret_files = secret_files
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.message, hint=first.hint, where=first.where)
            return
        lines = [f"{len(self.problems)} mistakes."]
        for problem in self.problems:
            place = f"{problem.where}: " if problem.where else ""
            hint = f" {problem.hint}" if problem.hint else ""
            lines.append(f"  {place}{problem.message}{hint}")
        super().__init__("\n".join(lines), where=where)


class Problems:
    """Collects findings while one configuration is read."""

    def __init__(self, source: Source, overridden: Iterable[str] = ()) -> None:
        """`overridden`: settings whose values came from the command line and not from the file."""
        self._source = source
        self._overridden = frozenset(overridden)
        self._found: list[tuple[int, Finding]] = []
        self._wrong: set[Key] = set()

    def error(self, key: Key, message: str, hint: str | None = None) -> None:
        """The configuration cannot be used because of this. Only the first error of a setting is kept."""
        if key in self._wrong:
            return
        self._wrong.add(key)
        self._add("error", key, message, hint)

    def warn(self, key: Key, message: str, hint: str | None = None) -> None:
        """It can be used, but its owner may not have meant this."""
        self._add("warning", key, message, hint)

    def wrong(self, key: Key) -> bool:
        """Whether there is an error in a setting or anywhere inside a table."""
        return any(one[: len(key)] == key for one in self._wrong)

    def _add(self, level: Level, key: Key, message: str, hint: str | None) -> None:
        name = written(key)
        line = self._source.line_of(key)
        where = "the command line" if name in self._overridden else self._source.place(line)
        self._found.append((line or 0, Finding(level, message, hint, where, name or None)))

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Whatever does not prevent use, in the order of the file."""
        return tuple(finding for _, finding in self._sorted() if finding.level != "error")

    def raise_errors(self, secret_files: tuple[Path, ...] = ()) -> None:
        """Raises InvalidSettingsError with every error there is, or returns."""
        errors = [finding for _, finding in self._sorted() if finding.level == "error"]
        if errors:
            raise InvalidSettingsError(errors, where=self._source.place(None), secret_files=secret_files)

    def _sorted(self) -> list[tuple[int, Finding]]:
        return sorted(self._found, key=lambda found: found[0])
