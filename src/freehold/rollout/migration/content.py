"""What the page and the Markdown say, in words and tables; each of them only lays it out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.core.figures import count, counted, milliseconds
from freehold.rollout.migration.report import Affected, CostPart, Measured, Migration
from freehold.rollout.migration.wording import days_old, dollars, length, says, some


class Table(msgspec.Struct, frozen=True):
    """A table; the first cell of a row is what it is about."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(msgspec.Struct, frozen=True):
    """A part of the report."""

    id: str
    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


class Content(msgspec.Struct, frozen=True):
    """All of it, but prompts and steps, which are laid out from the report itself."""

    title: str
    glance: tuple[str, ...]
    sections: tuple[Section, ...]
    prompts_note: str
    measured: tuple[Table | None, ...]
    """For each prompt, what asking the target found; None: nobody measured it."""
    notes: tuple[str, ...]


def content_of(migration: Migration) -> Content:
    """In words."""
    return Content(
        title=f"Moving {migration.route} from {migration.leaves} to {migration.target}",
        glance=tuple(_glance(migration)),
        sections=(
            _breaks(migration),
            _lost(migration),
            _whom(migration),
            _cost(migration),
            _latency(migration),
            _verdicts(migration),
        ),
        prompts_note=_prompts_note(migration),
        measured=tuple(_measured(one.before, one.after) for one in migration.prompts),
        notes=tuple(migration.notes),
    )


def _glance(one: Migration) -> Iterator[str]:
    if one.sampled:
        yield (
            f"{one.broken:,} of {one.sampled:,} sampled calls would lose what they cannot do without, "
            f"{one.weakened:,} would be answered less exactly as asked, {one.whole:,} would notice nothing."
        )
    if one.cost is not None:
        yield _cost_line(one.cost)
    whole = next((verdict for verdict in one.verdicts if not verdict.task_class), None)
    if whole is None:
        yield "Nobody has compared the two on this route: whether it answers as well is unknown."
    else:
        yield f"Verdict: it {says(whole)} ({days_old(whole.age_days)} old, margin {whole.margin:g})."
    if one.prompts:
        yield f"{counted(len(one.prompts) + one.other_prompts, 'prompt')} should be ported."
    if one.span is not None:
        yield (
            f"From {counted(one.calls, 'call')} between {one.span.since[:16]} and {one.span.until[:16]} UTC "
            f"({length(one.span.days)})."
        )


def _cost_line(cost: CostPart) -> str:
    unit = f"{cost.calls:,.0f} calls a month" if cost.unit == "month" else "1,000 calls"
    line = f"{unit} cost {dollars(cost.now)} now and would cost {dollars(cost.then)} then"
    if cost.now and cost.then is not None:
        line += f" ({100 * float(cost.then / cost.now) - 100:+.0f} %)"
    return line + "."


def _breaks(one: Migration) -> Section:
    rows = tuple(
        (
            part.feature,
            part.meaning,
            f"{part.calls:,}",
            count(part.broken),
            count(part.weakened),
            some(part.keys),
            some(part.task_classes, "; "),
        )
        for part in one.features
    )
    said = _sampled(one)
    if not rows:
        return Section(
            "breaks",
            "What calls use",
            (said, "None of the calls uses anything beyond plain text.") if one.sampled else (said,),
        )
    columns = ("Feature", "What it is", "Calls", "Breaks", "Weakened", "Keys", "Classes")
    return Section(
        "breaks",
        "What calls use",
        (said, "A call counts under each feature that it uses."),
        (Table("", columns, rows),),
    )


def _sampled(one: Migration) -> str:
    if not one.sampled:
        return one.missing or "No call was looked at."
    return (
        f"{one.sampled:,} of {counted(one.kept, 'call')} whose requests are kept were drawn at random and written for "
        f"`{one.target}` in `{one.dialect}`, by the code that would send them. Nothing was sent."
    )


def _lost(one: Migration) -> Section:
    if not one.losses:
        said = "Nothing: every sampled call arrives whole." if one.sampled else "Not known."
        return Section("losses", "Lost in translation", (said,))
    rows = tuple(
        (
            part.loss,
            part.gravity,
            part.why or part.meaning,
            f"{part.calls:,}",
            count(part.now),
            some(part.keys),
            part.example,
        )
        for part in one.losses
    )
    columns = ("Loss", "Gravity", "What it is", "Calls", "On record now", "Keys", "For example")
    return Section(
        "losses",
        "Lost in translation",
        (
            "`breaks`: the call cannot do what it was for. `weakens`: it is answered less exactly as asked. "
            "`harmless`: nobody who reads the answer notices.",
        ),
        (Table("", columns, rows),),
    )


def _whom(one: Migration) -> Section:
    tables = []
    for title, parts in (("By key", one.by_key), ("By class of tasks", one.by_class)):
        if parts:
            columns = (title.removeprefix("By ").capitalize(), "Calls", "Break", "Weakened", "Lose")
            tables.append(Table(title, columns, tuple(map(_affected, parts))))
    if not tables:
        return Section("whom", "For whom", ("Not known.",))
    said = () if one.by_class else ("The calls do not fall into classes of tasks, or are too few for it.",)
    return Section("whom", "For whom", said, tuple(tables))


def _affected(one: Affected) -> tuple[str, ...]:
    return one.name, f"{one.calls:,}", count(one.broken), count(one.weakened), some(one.losses)


def _cost(one: Migration) -> Section:
    cost = one.cost
    if cost is None:
        return Section("cost", "Cost", ("Not known.",))
    unit = "A month" if cost.unit == "month" else "1,000 calls"
    rows = [
        (f"{unit} now", dollars(cost.now), "; ".join(cost.price_now)),
        (f"{unit} then", dollars(cost.then), cost.price_then or "no price is known"),
    ]
    if cost.then_cached is not None:
        rows.append(
            (
                f"{unit} then, with as much from the cache as now",
                dollars(cost.then_cached),
                cost.price_then or "",
            )
        )
    said = [_cost_line(cost), cost.note]
    if cost.by_list:
        said.append(
            "What these calls cost is not on record: today's prices were taken for what they cost now."
        )
    elif cost.unpriced:
        said.append(f"{counted(cost.unpriced, 'call')} of unknown cost are taken to cost what the others do.")
    if cost.uncounted:
        said.append(
            f"{counted(cost.uncounted, 'call')} of unknown tokens are taken to be as large as the others."
        )
    return Section("cost", "Cost", tuple(said), (Table("", ("What", "US dollars", "Price"), tuple(rows)),))


def _latency(one: Migration) -> Section:
    if not one.latencies:
        return Section("latency", "Latency", ("Nothing is on record.",))
    rows = tuple(
        (
            part.model,
            part.of,
            f"{part.calls:,}",
            milliseconds(part.median_ms),
            milliseconds(part.p99_ms),
            milliseconds(part.first_median_ms),
        )
        for part in one.latencies
    )
    known = any(part.model == one.target for part in one.latencies)
    said = () if known else (f"How fast `{one.target}` is here is unknown: none of its calls is on record.",)
    columns = ("Model", "Calls of", "Calls", "Median", "p99", "First token")
    return Section("latency", "Latency", said, (Table("", columns, rows),))


def _verdicts(one: Migration) -> Section:
    if not one.verdicts:
        return Section(
            "verdicts",
            "Verdicts",
            (f"No comparison of `{one.route}` has `{one.target}` among its candidates.",),
        )
    rows = tuple(
        (
            part.task_class or "all",
            part.decision,
            "-" if part.difference is None else f"{part.difference:+.3f}",
            f"{part.low:+.3f} … {part.high:+.3f}" if part.pairs else "-",
            f"{part.pairs:,}",
            f"{part.margin:g} / {part.alpha:g}",
            days_old(part.age_days),
        )
        for part in one.verdicts
    )
    columns = ("Class", "Verdict", "Difference", "Interval", "Pairs", "Margin / alpha", "Age")
    said = f"By `{one.verdicts[0].comparison}`, against `{one.verdicts[0].incumbent}`."
    return Section("verdicts", "Verdicts", (said,), (Table("", columns, rows),))


def _prompts_note(one: Migration) -> str:
    said = (
        "Only what is known to belong to another maker's models is changed; whether that is better is known once it is "
        "measured."
    )
    if one.other_prompts:
        said += f" {counted(one.other_prompts, 'further prompt')} with fewer calls are not shown."
    return said


def _measured(before: Measured | None, after: Measured | None) -> Table | None:
    if before is None or after is None:
        return None
    rows = []
    for name, one in (("as it is", before), ("ported", after)):
        form = "-" if one.in_form is None else f"{one.in_form} of {one.of_form}"
        alike = "-" if one.alike is None else f"{one.alike:.3f} ({one.of_alike})"
        time = "-" if one.median_s is None else f"{one.median_s:.2f} s"
        rows.append(
            (
                name,
                str(one.asked),
                str(one.failed),
                form,
                alike,
                count(one.output_tokens),
                time,
                dollars(one.cost),
            )
        )
    columns = ("Prompt", "Asked", "Failed", "In form", "Like on record", "Tokens", "Median", "Cost")
    return Table("Measured at the target", columns, tuple(rows))
