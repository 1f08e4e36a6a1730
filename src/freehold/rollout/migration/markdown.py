"""The report on a migration as Markdown: for a pull request, a wiki, a ticket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from freehold.rollout.migration.content import Content, Table, content_of
from freehold.rollout.migration.report import Migration

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
# Overrides and embeddings of the direction of text, and control characters.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]")


def markdown_of(migration: Migration) -> str:
    """The whole report. What others wrote stands in code, or is escaped: nothing of it becomes markup."""
    return "\n".join(_lines(migration, content_of(migration))).rstrip() + "\n"


def _lines(migration: Migration, content: Content) -> Iterator[str]:
    yield f"# {_plain(content.title)}"
    yield ""
    for line in content.glance:
        yield f"- {_plain(line)}"
    yield ""
    if migration.missing:
        yield f"> **Not enough evidence.** {_plain(migration.missing)}"
        yield ""
    for section in content.sections:
        yield f"## {_plain(section.title)}"
        yield ""
        for paragraph in section.paragraphs:
            yield _plain(paragraph)
            yield ""
        for table in section.tables:
            yield from _table(table)
    if migration.prompts:
        yield from _prompts(migration, content)
    for title, steps in (("The plan", migration.plan), ("The way back", migration.back)):
        yield f"## {title}"
        yield ""
        for number, step in enumerate(steps, 1):
            yield f"{number}. {_plain(step.text)}"
            if step.command is not None:
                yield from _code(step.command, "sh", indent="   ")
        yield ""
    if content.notes:
        yield "## What has to be known"
        yield ""
        for note in content.notes:
            yield f"- {_plain(note)}"
        yield ""
    yield f"Made by Freehold {migration.version} at {migration.made}."


def _prompts(migration: Migration, content: Content) -> Iterator[str]:
    yield "## Prompts to port"
    yield ""
    yield _plain(content.prompts_note)
    yield ""
    for one, measured in zip(migration.prompts, content.measured, strict=True):
        yield f"### Prompt {one.digest} ({one.calls:,} of the sampled calls)"
        yield ""
        for finding in one.findings:
            yield f"- {_plain(finding.why)}"
        yield ""
        if one.diff:
            yield from _code(one.diff, "diff")
        if measured is not None:
            yield from _table(measured)


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield f"**{_plain(table.title)}**"
        yield ""
    yield "| " + " | ".join(map(_plain, table.columns)) + " |"
    yield "|" + "---|" * len(table.columns)
    for row in table.rows:
        yield "| " + " | ".join(map(_cell, row)) + " |"
    yield ""


def _cell(text: str) -> str:
    """As `_plain`; a bar would end the cell, in code too."""
    return re.sub(r"(?<!\\)\|", r"\\|", _plain(text))


def _code(text: str, language: str, indent: str = "") -> Iterator[str]:
    """Fenced by more backticks than stand anywhere in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    yield f"{indent}{fence}{language}"
    yield from (f"{indent}{line}" for line in _visible(text).splitlines())
    yield f"{indent}{fence}"
    yield ""


def _plain(text: str) -> str:
    """Text in which only our own `code` is markup."""
    pieces: Sequence[str] = re.split(r"(`[^`\n]+`)", _visible(text))
    return "".join(
        piece if at % 2 else _SPECIAL.sub(r"\\\1", piece) for at, piece in enumerate(pieces)
    ).replace("\n", " ")


def _visible(text: str) -> str:
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
