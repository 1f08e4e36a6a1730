"""A drill as one HTML file that loads nothing and runs nothing.

Whatever others wrote (names of models and routes, words of errors) reaches it escaped, and with characters that would
turn the direction of our own words written out. The policy in its head lets no script run and nothing be loaded.
"""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from importlib.resources import files

from freehold.core.figures import UNKNOWN, counted, milliseconds, money, show_moment
from freehold.rollout.drills.figures import Row, share
from freehold.rollout.drills.markup import cell, facts, number, shown, table, words
from freehold.rollout.drills.report import Report

_BADGES = {"survived": "replaces", "not survived": "does-not-replace", "not enough evidence": ""}
_OWN_STYLE = """
.number { text-align: right; white-space: nowrap; }
.good { color: var(--good); }
.bad { color: var(--bad); font-weight: 600; }
.grid tbody th { min-width: 7.5rem; overflow-wrap: normal; }
.grid td { overflow-wrap: normal; }
"""
_MICRO, _CENT = Decimal("0.000001"), Decimal("0.01")


def page_of(report: Report) -> str:
    """The page of a report."""
    style = (files("freehold.compare.report") / "style.css").read_text("utf-8").strip() + _OWN_STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"Drill: the loss of {shown(report.lost)}"
    parts = [
        _head(report),
        _grid(report),
        _classes(report),
        _noticing(report),
        _quality(report),
        _money(report),
        _state(report),
        _sample(report),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header>\n<p class=kind>Drill {shown(report.id)}</p>\n<h1>{title}</h1>\n</header>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n</main>\n<footer><p>Made {shown(show_moment(report.made_us, utc=True))} in "
        f"{report.seconds:,.0f} s. docs/drills.md says how to read it.</p></footer>\n</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    asked = sum(row.calls for row in report.rows if not row.task)
    survivors = (
        "Those who take over were really asked"
        + f", which cost {money(_rounded(report.spent))}"
        + (f"; of {counted(report.unpriced, 'call')} the cost is unknown" if report.unpriced else "")
        if report.survivors == "real"
        else "Those who take over were stand-ins: this says how failing over works, and nothing of who takes over"
    )
    least = "-" if report.least is None else share(report.least)
    told = facts(
        ("least survival of a fault on a route", least),
        ("required", share(report.require)),
        ("questions asked", f"{asked:,}"),
        ("calls drawn from the last", counted(report.days, "day")),
        ("seed", str(report.seed)),
    )
    reasons = "".join(f"<li>{words(reason)}</li>" for reason in report.reasons)
    return (
        f'<section class="verdict {_BADGES[report.conclusion]}">\n<h3><span class=badge>'
        f"{shown(report.conclusion)}</span> {shown(', '.join(report.providers))}</h3>\n{told}\n"
        + (f"<ul>{reasons}</ul>\n" if reasons else "")
        + f"<p class=note>{survivors}. A call survived when its client got a complete answer in the form it had asked "
        "for, inside the deadline.</p>\n</section>"
    )


def _grid(report: Report) -> str:
    whole = [row for row in report.rows if not row.task]
    if not whole:
        return ""
    rows = [
        [
            _fault(row),
            cell(row.route),
            _good(row, report.require),
            number(share(row.low)),
            number(f"{row.calls:,}"),
            number(_both(row.first_p50_s, row.first_p99_s)),
            number(_both(row.p50_s, row.p99_s)),
            number(_extra(row)),
        ]
        for row in whole
    ]
    heads = (
        "fault", "route", "#survived", "#at least", "#calls", "#first word, p50, p99", "#complete, p50, p99",
        "#extra $ a call",
    )  # fmt: skip
    joined, repeated = sum(row.joined for row in whole), sum(row.repeated for row in whole)
    return (
        "<h2>Every fault</h2>\n<p class=note>&ldquo;At least&rdquo; is the lower end of the exact interval at 95 %. "
        f"Two models wrote {counted(joined, 'answer')}, one going on where the other broke off, the seam declared. "
        f"In {counted(repeated, 'answer')} a tool call came twice, so that its side effect would have been duplicated."
        f"</p>\n{table(heads, rows, 'grid')}"
    )


def _fault(row: Row) -> str:
    return _with_aside(row.title, ", ".join(f"{many:,} {why}" for why, many in row.misses.items()))


def _with_aside(text: str, aside: str) -> str:
    below = f"<span class=aside>{shown(aside)}</span>" if aside else ""
    return f"<th>{shown(text)}{below}</th>"


def _classes(report: Report) -> str:
    parts = [row for row in report.rows if row.task]
    if not parts:
        return ""
    rows = [
        [
            cell(row.title, tag="th"),
            cell(row.route),
            cell(row.task),
            _good(row, report.require),
            number(share(row.low)),
            number(f"{row.calls:,}"),
            number(_both(row.p50_s, row.p99_s)),
            number(_extra(row)),
        ]
        for row in parts
    ]
    heads = (
        "fault", "route", "class of tasks", "#survived", "#at least", "#calls", "#complete, p50, p99",
        "#extra $ a call",
    )  # fmt: skip
    return (
        "<h2>By class of tasks</h2>\n<details><summary>All of them</summary>\n"
        f"{table(heads, rows, 'grid')}</details>"
    )


def _noticing(report: Report) -> str:
    if not report.notices:
        return ""
    items = "".join(
        f"<li><strong>{shown(one.model)}: {'noticed' if one.noticed else 'not noticed'}.</strong> "
        f"{words(one.why)}</li>"
        for one in report.notices
    )
    return f"<h2>Another model behind the same name</h2>\n<ul>{items}</ul>"


def _quality(report: Report) -> str:
    if not report.quality:
        return ""
    rows = [
        [
            cell(one.route, tag="th"),
            cell(one.lost),
            cell(one.model),
            cell(one.decision or "nobody compared them"),
            number("-" if one.difference is None else f"{one.difference:+.3f}"),
            number("-" if one.low is None or one.high is None else f"{one.low:+.3f} … {one.high:+.3f}"),
            number(f"{one.pairs:,}"),
            cell("-" if one.made_us is None else show_moment(one.made_us, utc=True)),
        ]
        for one in report.quality
    ]
    heads = ("route", "lost", "takes over", "verdict", "#mean score", "#interval", "#pairs", "made")
    return (
        "<h2>How good those who take over are</h2>\n<p class=note>From the newest comparison of each pair of models. "
        f"Without one nothing is known of it.</p>\n{table(heads, rows)}"
    )


def _money(report: Report) -> str:
    found = report.doubling
    if found is None:
        return ""
    if found.month is None:
        return "<h2>Price doubled</h2>\n<p>No call has a known cost, so nobody can say.</p>"
    rows = [
        [
            cell(row.route, tag="th"),
            cell(row.model),
            number(f"{row.calls:,}"),
            number(money(_rounded(row.month))),
            number(money(_rounded(row.doubled))),
            cell(
                "; ".join(
                    f"{one.model} {money(_rounded(one.month))} ({one.decision or 'no verdict'})"
                    for one in row.instead
                )
                or "nobody of a known price"
            ),
        ]
        for row in found.rows
    ]
    heads = ("route", "model", "#calls", "#a month", "#doubled", "cheaper then")
    return (
        f"<h2>Price doubled</h2>\n<p>A month would cost <strong>{money(_rounded(found.doubled))}</strong> in place of "
        f"{money(_rounded(found.month))}, at the traffic of the last {counted(found.days, 'day')}.</p>\n"
        f"{table(heads, rows)}"
    )


def _state(report: Report) -> str:
    rows = [
        [
            cell(one.kind, tag="th"),
            cell(one.where),
            number(
                UNKNOWN
                if one.count is None
                else f"{one.count:,}" + (f" of {one.of:,}" if one.of is not None else "")
            ),
            f"<td>{words(one.means)}</td>",
        ]
        for one in report.state
    ]
    return f"<h2>State</h2>\n{table(('what', 'where', '#count', 'what that means'), rows)}"


def _sample(report: Report) -> str:
    rows = [
        [
            _with_aside(one.route, "; ".join(f"{many:,} {why}" for why, many in one.left_out.items())),
            cell(", ".join(one.models)),
            number(f"{one.asked:,} of {one.found:,}"),
            number(f"{one.deadline_s:g} s ({one.deadline_is})"),
            number(_seconds(one.before_first_p50_s)),
            number(_both(one.before_p50_s, one.before_p99_s)),
        ]
        for one in report.routes
    ]
    heads = (
        "route", "models", "#asked again", "#deadline", "#first word before, p50", "#complete before, p50, p99",
    )  # fmt: skip
    left_out = any(one.left_out for one in report.routes)
    note = (
        "<p class=note>Below a route: calls that were not asked again, as they &hellip;</p>\n"
        if left_out
        else ""
    )
    return f"<h2>What it was tried on</h2>\n{note}{table(heads, rows)}"


def _good(row: Row, require: float) -> str:
    kind = "good" if row.survival >= require else "bad"
    return f'<td class="number {kind}">{share(row.survival)}</td>'


def _extra(row: Row) -> str:
    return "-" if row.extra_cost is None else f"{row.extra_cost.quantize(_MICRO):+f}"


def _seconds(value: float | None) -> str:
    return milliseconds(None if value is None else value * 1000.0)


def _both(p50: float | None, p99: float | None) -> str:
    return "-" if p50 is None else f"{_seconds(p50)}, {_seconds(p99)}"


def _rounded(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(_CENT if abs(amount) >= 1 else _MICRO)
