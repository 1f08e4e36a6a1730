"""Did you mean …?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known word; None when none is near."""
    by_form = {_form(one): one for one in known}
    near = difflib.get_close_matches(_form(word), by_form, n=1, cutoff=0.6)
    return f"Did you mean `{by_form[near[0]]}`?" if near else None


def one_of(known: Iterable[str]) -> str:
    """`a`, `b` and `c`."""
    quoted = [f"`{one}`" for one in known]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _form(word: str) -> str:
    """So that case and the kind of dash do not count as mistakes."""
    return word.lower().replace("-", "_")
