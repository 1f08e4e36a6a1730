"""The page on a migration: one HTML file without a script, that loads nothing.

Whatever others wrote (prompts, names of keys and models) reaches it as text that Jinja escapes. Should anything get
through all the same, the policy in its head lets no script run at all and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import jinja2
import msgspec
from markupsafe import Markup, escape

from freehold.rollout.migration.content import content_of
from freehold.rollout.migration.report import Migration

# Overrides and embeddings of the direction of text, and control characters.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]")
_CODE = re.compile(r"`([^`\n]+)`")


class Piece(msgspec.Struct, frozen=True):
    """A piece of the bar."""

    style: str
    label: str
    x: float
    width: float


class Bar(msgspec.Struct, frozen=True):
    """How many of the sampled calls break, at a glance."""

    alternative: str
    parts: list[Piece]


def page_of(migration: Migration) -> str:
    """The page of a report."""
    style = (
        _read("freehold.compare.report", "style.css")
        + "\n"
        + _read("freehold.rollout.migration", "style.css")
    )
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    return environment.from_string(_read("freehold.rollout.migration", "page.html")).render(
        migration=migration,
        content=content_of(migration),
        bar=_bar(migration),
        style=Markup(style),  # noqa: S704 - ours
        policy=_policy(style),
        words=_words,
        style_of=_style_of,
    )


def _bar(one: Migration) -> Bar:
    named = (("broken", "break"), ("weakened", "weakened"), ("whole", "whole"))
    parts, x = [], 0.0
    for style, word in named:
        calls = getattr(one, style)
        width = 1000 * calls / one.sampled if one.sampled else 0.0
        parts.append(Piece(style, f"{word}: {calls:,}", round(x, 1), round(width, 1)))
        x += width
    return Bar(f"Of {one.sampled:,} sampled calls: {', '.join(part.label for part in parts)}", parts)


def _words(text: str) -> Markup:
    """A sentence of ours with what stands in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(_visible(text)))))  # noqa: S704 - escaped before


def _style_of(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "place"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")


def _visible(value: object) -> object:
    """Text in which characters that would turn our own words round, or that nobody could see, are written out."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def _read(package: str, name: str) -> str:
    return (files(package) / name).read_text("utf-8").strip()


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
