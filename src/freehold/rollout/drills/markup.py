"""Pieces of a page, in which whatever others wrote is text and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# Overrides and embeddings of the direction of text, and control characters.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]")


def facts(*facts: tuple[str, str]) -> str:
    """A short list of what is worth knowing: names and values."""
    return (
        "<dl>"
        + "".join(f"<div><dt>{name}</dt><dd>{shown(value)}</dd></div>" for name, value in facts)
        + "</dl>"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Heads that begin with `#` stand above numbers."""
    head = "".join(
        f"<th class=number>{one[1:]}</th>" if one[0] == "#" else f"<th>{one}</th>" for one in heads
    )
    body = "".join(f"<tr>{''.join(row)}</tr>\n" for row in rows)
    return (
        f'<div class="scroll whole" tabindex=0><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def cell(text: str, *, tag: str = "td") -> str:
    """A cell of a table."""
    return f"<{tag}>{shown(text)}</{tag}>"


def number(text: str) -> str:
    """A cell with a number."""
    return f"<td class=number>{shown(text)}</td>"


def words(text: str) -> str:
    """Escaped, with what stands in backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", shown(text))


def shown(text: str) -> str:
    """The text, escaped, with what nobody could see written out."""
    return html.escape(_HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
