"""Rollouts as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freehold.cli.output import Column, Listing, at_terminal, fold, plain, say, terminal_width, write
from freehold.core.figures import counted, show_moment
from freehold.core.moments import parse_moment

if TYPE_CHECKING:
    from freehold.rollout.shown import WholeRollout
    from freehold.rollout.terms import Rollout

_GAP = 2
SHORT_ID = 25
"""`rollout_` and 17 characters, as of a call's id: the millisecond, and 20 bits beyond it to be the only one."""


def percent(share: float) -> str:
    """`5%`, `0.1%`."""
    return f"{share * 100:.6g}%"


def list_rollouts(found: Sequence[Rollout], *, utc: bool) -> None:
    """A row for each."""
    columns = [
        Column("ROLLOUT"),
        Column("BEGUN", rank=4),
        Column("ROUTE", width=24),
        Column("TO", width=40, rank=1),
        Column("STATE"),
        Column("STAGE", rank=2),
        Column("SHARE", right=True, rank=3),
    ]
    Listing(columns).write(
        (
            one.id[:SHORT_ID] if at_terminal() else one.id,
            show_moment(one.begun_us, utc=utc),
            one.route,
            one.terms.candidate.name,
            one.state,
            one.at.name,
            percent(one.share),
        )
        for one in found
    )


def show(found: WholeRollout, *, utc: bool) -> None:
    """All of one."""
    facts = [
        ("rollout", found.id),
        ("route", found.route),
        ("from", found.incumbent),
        ("to", found.candidate),
        ("plan", found.plan),
        ("state", f"{found.state}, at `{found.stage}`"),
        ("share", f"{percent(found.share)} of the conversations"),
        ("begun", _moment(found.begun, utc=utc)),
        ("looked at", "not yet" if found.looked_at is None else _moment(found.looked_at, utc=utc)),
    ]
    if found.waiting_for is not None:
        facts.append(("waits", found.waiting_for))
    if found.needs_somebody:
        facts.append(("decide", _what_to_do(found)))
    write("".join(fold(f"{name:<11} {plain(value)}", indent=12) + "\n" for name, value in facts))
    if found.findings:
        write("\n")
        columns = [
            Column("GATE"), Column("FINDS"), Column("OF", right=True), Column("EVIDENCE", right=True),
            Column("TOLD"),
        ]  # fmt: skip
        _with_words(
            columns,
            [(one.gate, one.word, f"{one.units:,}", f"{one.surety:.0%}", one.told) for one in found.findings],
            [one.gate for one in found.findings],
        )
    if found.not_copied:
        write("\n")
        for why, calls in sorted(found.not_copied.items()):
            write(fold(f"not copied  {counted(calls, 'call')}: {plain(why)}", indent=12) + "\n")
    write("\n")
    _with_words(
        [Column("AT"), Column("BY", width=24), Column("ACT"), Column("STAGE"), Column("WHY")],
        [(_moment(one.at, utc=utc), one.by, one.act, one.stage, one.reason) for one in found.transitions],
        [f"{one.act}, {one.stage}" for one in found.transitions],
    )
    if found.line is not None:
        say("\nTo have the configuration itself say so, write this into freehold.toml:\n")
        write(f"{found.line}\n")


def _with_words(columns: Sequence[Column], rows: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    """A listing whose last column is a sentence: where a terminal has no room for it, the sentences come below, folded,
    each behind its name.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - Rich is imported when something is shown

    widths = [max(cell_len(cell) for cell in cells) for cells in zip(*rows, strict=True)]
    if sum(widths) + _GAP * (len(widths) - 1) <= terminal_width():
        Listing(columns).write(rows)
        return
    Listing(columns[:-1]).write([row[:-1] for row in rows])
    write("\n")
    for name, row in zip(names, rows, strict=True):
        write(fold(plain(f"{name}: {row[-1]}"), indent=2) + "\n")


def _what_to_do(found: WholeRollout) -> str:
    if found.state == "paused":
        return f"freehold rollout resume {found.id}"
    return f"freehold rollout promote {found.id} --from {found.stage}, or freehold rollout abort {found.id}"


def _moment(text: str, *, utc: bool) -> str:
    return show_moment(parse_moment(text, 0, utc=True), utc=utc)
