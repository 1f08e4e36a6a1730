"""What somebody's terms say about training models on answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

Verdict = Literal["allowed", "conditional", "forbidden", "unknown"]
"""
allowed      nothing in the terms speaks against it
conditional  it is allowed as long as `condition` is met, which nobody but the user can know
forbidden    the terms rule it out, for every model that is not theirs
unknown      the terms were not found or could not be read, or nobody knows which hold. It is never taken for allowed
"""

_STRICTEST: tuple[Verdict, ...] = ("forbidden", "unknown", "conditional", "allowed")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done with a model's answers, and who says so. It is a reading by laymen and no legal advice."""

    verdict: Verdict
    summary: str
    """What the terms say, in other words than theirs; of `unknown`: why it is not known."""
    holder: str
    """Whose terms they are: a company, or a licence."""
    condition: str | None = None
    """What has to be met, one or more sentences. Only of `conditional`."""
    kind: str | None = None
    """The condition or the ban in a word, to count by: `no-competing-model`, `naming`, `attribution`, `non-commercial`,
    `inherited-terms`, `only-its-own-family`, `no-training`. Several are joined by `+`.
    """
    source: str | None = None
    """Where the terms can be read; None: there are none to read."""
    read_on: date | None = None
    """When somebody last read them for this table."""
    since: date | None = None
    """From when on the text that was read holds; None: of old."""
    quoted: bool = False
    """Only quotations of the text by others could be read."""
    parts: tuple[Terms, ...] = ()
    """Where several hold and add up: each of them. `source`, `read_on` and `since` are the first one's then."""


def strictest_of(several: Sequence[Terms]) -> Terms:
    """What is left where several terms hold at the same time; conditions add up. Raises ValueError for none."""
    if not several:
        raise ValueError("no terms")
    ordered = sorted(several, key=lambda terms: _STRICTEST.index(terms.verdict))
    first, binding = ordered[0], [one for one in ordered if one.verdict == ordered[0].verdict]
    if first.verdict != "conditional" or len(binding) == 1:
        return first
    return msgspec.structs.replace(
        first,
        summary=" ".join(one.summary for one in binding),
        holder=", ".join(dict.fromkeys(one.holder for one in binding)),
        condition=" ".join(dict.fromkeys(one.condition for one in binding if one.condition)),
        kind="+".join(dict.fromkeys(one.kind for one in binding if one.kind)) or None,
        quoted=any(one.quoted for one in binding),
        parts=tuple(binding),
    )
