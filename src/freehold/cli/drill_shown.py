"""A drill's report at the terminal."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from freehold.cli.output import Column, Listing, fold, plain, say, write
from freehold.core.figures import UNKNOWN, count, counted, milliseconds, money
from freehold.rollout.drills.figures import share

if TYPE_CHECKING:
    from freehold.app.live_drilling import LiveReport
    from freehold.rollout.drills.figures import Row
    from freehold.rollout.drills.report import Report

_CENTS = Decimal("0.01")
_MICRO = Decimal("0.000001")


def show(report: Report) -> None:
    """All of it: the conclusion first, then what it rests on."""
    _line(f"{report.lost}: {report.conclusion}.{_summed_up(report)}")
    for reason in report.reasons[:20]:
        _line(f"  {reason}")
    if len(report.reasons) > 20:
        _line(f"  … and {counted(len(report.reasons) - 20, 'more')}.")
    _routes(report)
    _rows(report)
    for notice in report.notices:
        _line(
            f"Silent change of {notice.model}: {'noticed' if notice.noticed else 'not noticed'}. {notice.why}"
        )
    _quality(report)
    _doubling(report)
    _state(report)
    if report.survivors == "real":
        unknown = f"; of {counted(report.unpriced, 'call')} the cost is unknown" if report.unpriced else ""
        say(f"Asking the survivors cost {money(_rounded(report.spent))}{unknown}.")
    else:
        say(
            fold(
                "The survivors were stand-ins: this says how failing over works, and nothing of who takes over."
            )
        )


def show_live(report: LiveReport) -> None:
    """What came of a live drill."""
    summed = (
        ""
        if report.survival is None
        else f" {share(report.survival)} of {counted(report.calls, 'call')} survived."
    )
    _line(
        f"{report.lost} on {report.route}, {share(report.share)} of live calls: {report.conclusion}.{summed} "
        f"{report.reason}"
    )
    write("\n")
    Listing(
        [
            Column("FAULT"),
            Column("CALLS", right=True),
            Column("SURVIVED", right=True),
            Column("AT LEAST", right=True),
            Column("P50", right=True),
            Column("P99", right=True),
            Column("OTHERS"),
        ]
    ).write(
        [
            (
                row.title,
                count(row.calls),
                "-" if row.survival is None else share(row.survival),
                "-" if row.low is None else share(row.low),
                _seconds(row.p50_s),
                _seconds(row.p99_s),
                ", ".join(
                    [f"{many} {code}" for code, many in row.errors.items()]
                    + ([f"{row.late} late"] if row.late else [])
                ),
            )
            for row in report.rows
        ]
    )
    if report.left_alone:
        say(
            f"{counted(report.left_alone, 'call')} of the share went to the provider as usual: in the middle of a tool "
            "loop, with state that it alone can read, with its own tools, or in the background."
        )
    say(f"{report.endpoints} of the endpoint's processes took part, for {report.seconds:.0f} s.")


def _summed_up(report: Report) -> str:
    if report.least is None:
        return ""
    return f" At the least {share(report.least)} of calls survived; {share(report.require)} was required."


def _routes(report: Report) -> None:
    write("\n")
    rows = [
        (
            one.route,
            ", ".join(one.models),
            count(one.asked),
            count(one.found),
            f"{one.deadline_s:g} s" + ("" if one.deadline_is == "the route's" else f" ({one.deadline_is})"),
        )
        for one in report.routes
    ]
    Listing(
        [
            Column("ROUTE", width=24),
            Column("MODELS", width=48),
            Column("ASKED AGAIN", right=True),
            Column("ON RECORD", right=True, rank=1),
            Column("DEADLINE", right=True),
        ]
    ).write(rows)
    for one in report.routes:
        for why, many in one.left_out.items():
            say(f"{one.route}: left out, as they {why}: {counted(many, 'call')}.")


def _rows(report: Report) -> None:
    if not report.rows:
        return
    write("\n")
    several = len({row.route for row in report.rows}) > 1
    columns = [
        Column("FAULT", width=24),
        Column("ROUTE", width=20),
        Column("CLASS", width=24, rank=2),
        Column("CALLS", right=True),
        Column("SURVIVED", right=True),
        Column("AT LEAST", right=True, rank=1),
        Column("FIRST P50", right=True, rank=1),
        Column("P50", right=True),
        Column("P99", right=True),
        Column("EXTRA $/CALL", right=True, rank=2),
        Column("OTHERS", width=40, rank=1),
    ]
    keep = [place for place in range(len(columns)) if several or place != 1]
    Listing([columns[place] for place in keep]).write(
        [[_cells(row)[place] for place in keep] for row in report.rows]
    )
    repeated = sum(row.repeated for row in report.rows if not row.task)
    if repeated:
        say(
            f"In {counted(repeated, 'answer')} a tool call came twice: its side effect would have been duplicated."
        )


def _cells(row: Row) -> list[str]:
    return [
        row.title,
        row.route,
        row.task or "all",
        count(row.calls),
        share(row.survival),
        share(row.low),
        _seconds(row.first_p50_s),
        _seconds(row.p50_s),
        _seconds(row.p99_s),
        "-" if row.extra_cost is None else f"{row.extra_cost.quantize(_MICRO):+f}",
        ", ".join(f"{many} {why}" for why, many in row.misses.items()),
    ]


def _quality(report: Report) -> None:
    for one in report.quality:
        if one.decision is None:
            _line(
                f"{one.route}: nobody compared {one.model} with {one.lost}. "
                f"`freehold compare {one.route} --with {one.model} --suite SUITE` finds out."
            )
        elif one.difference is None:
            _line(f"{one.route}: {one.model} in place of {one.lost}: {one.decision}.")
        else:
            _line(
                f"{one.route}: {one.model} in place of {one.lost}: {one.decision}; mean score {one.difference:+.3f} "
                f"({one.low:+.3f} … {one.high:+.3f}), {counted(one.pairs, 'pair')}, margin {one.margin:g}."
            )


def _doubling(report: Report) -> None:
    found = report.doubling
    if found is None:
        return
    if found.month is None:
        _line("Price doubled: no call of it has a known cost, so nobody can say.")
        return
    _line(
        f"Price doubled: a month would cost {money(_rounded(found.doubled))} in place of "
        f"{money(_rounded(found.month))}, at the traffic of the last {counted(found.days, 'day')}."
    )
    for row in found.rows:
        if row.doubled is None:
            _line(f"  {row.route}: what {row.model} costs is not known.")
            continue
        named = [
            f"{one.model} {money(_rounded(one.month))} ({one.decision or 'no verdict'})"
            for one in row.instead
        ]
        cheaper = f"cheaper then: {', '.join(named)}" if named else "no model of a known price is cheaper"
        _line(f"  {row.route}: {row.model} {money(_rounded(row.doubled))} a month; {cheaper}.")


def _state(report: Report) -> None:
    write("\n")
    Listing(
        [Column("STATE"), Column("WHERE"), Column("COUNT", right=True), Column("WHAT THAT MEANS", width=90)]
    ).write(
        [
            (
                one.kind,
                one.where,
                UNKNOWN
                if one.count is None
                else count(one.count) + (f" of {one.of:,}" if one.of is not None else ""),
                one.means,
            )
            for one in report.state
        ]
    )


def _seconds(value: float | None) -> str:
    return milliseconds(None if value is None else value * 1000.0)


def _rounded(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(_CENTS if abs(amount) >= 1 else _MICRO)


def _line(text: str) -> None:
    write(fold(plain(text), indent=2) + "\n")
