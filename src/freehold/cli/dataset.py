"""`freehold dataset`: what models are trained on."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from freehold.cli.actor import actor
from freehold.cli.dataset_shown import facts_of, tell_made, tell_report
from freehold.cli.dataset_synthesise import synthesise
from freehold.cli.measures import Share
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, plain, say, write, write_json
from freehold.core.errors import BadRequest
from freehold.core.figures import counted, show_moment

if TYPE_CHECKING:
    from freehold.compare.suites.casefile import Columns

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Named = Annotated[
    str,
    typer.Argument(help="Its name, of which the newest is meant, or `NAME@VERSION`.", metavar="DATASET"),
]


@app.callback()
def dataset() -> None:
    """Make, list and export datasets: what models are trained on."""


@app.command()
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it: `support-2026`.")],
    *,
    source: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="`route:NAME`, `suite:NAME` or `file:PATH` (`.jsonl`, `.csv`); may be given again.",
        ),
    ],
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="REASONS",
            help="Which answers count as good. Of calls `feedback`, `correction`, or `unchecked`: all; of a suite "
            "`target`; of either `scorer`, `judge`: full marks in a comparison. Else `feedback,correction` and "
            "`target`.",
        ),
    ] = None,
    good: Annotated[
        float,
        typer.Option(
            "--good",
            metavar="SCORE",
            min=0.0,
            max=1.0,
            help="From which number feedback says that an answer is good.",
        ),
    ] = 0.8,
    days: Annotated[
        int | None,
        typer.Option(
            "--days", min=1, metavar="N", help="Calls of the last so many days; else all there are."
        ),
    ] = None,
    maker: Annotated[
        str | None,
        typer.Option(
            "--maker",
            metavar="MAKER",
            help="Who wrote the answers of a file or suite that does not say it: `people`, or `provider/model`.",
        ),
    ] = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Leave personal data and secrets in.")] = False,
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out",
            metavar="SHARE",
            click_type=Share(min=0.0, max=0.9),
            help="Of conversations, that are not learned from.",
        ),
    ] = 0.1,
    split_by: Annotated[
        Literal["conversation", "question"],
        typer.Option(
            "--split-by",
            help="What stays on one side. `question`: for applications that put the same examples before each.",
        ),
    ] = "conversation",
    alike: Annotated[
        float,
        typer.Option(
            "--alike",
            metavar="SHARE",
            click_type=Share(min=0.5, max=1.0),
            help="How much two lines have in common that count as the same; 100%: only the very same.",
        ),
    ] = 0.8,
    spared: Annotated[
        list[str] | None,
        typer.Option(
            "--except", metavar="SUITE", help="Do not look for cases of this suite; may be given again."
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="MAKER=REASON",
            help="Let answers in that a model's terms do not simply allow to learn from; may be given again.",
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides what --allow lets in.")
    ] = None,
    scorer: Annotated[
        list[str] | None,
        typer.Option(
            "--scorer",
            metavar="KIND[:SETTING=VALUE,…]",
            help="How answers are held against the `target` of a file's lines: `numeric`; may be given again.",
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field", metavar="OURS=THEIRS", help="A field by the file's own name: `answer=completion`."
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="NAME", help="A field that means nothing here.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a dataset: masked, without near-duplicates, without what a suite asks, split by conversation.

    A line of a file has `messages` that end with the answer, or `input` (or `request`) and `answer`; and where they are
    known `maker`, `group`, `rejected`, `target`, `reasoning`, `system`, `tools`, `id` and `class`. A document for
    `freehold train pretrain` is a line with `text`. Rows whose makers' terms do not allow to learn from them stay out.
    Of the same content there is one version.
    """
    import time  # noqa: PLC0415 - imported when the command runs

    from freehold import app as freehold  # noqa: PLC0415
    from freehold.app.dataset_sources import Wanted  # noqa: PLC0415
    from freehold.app.datasets import make_dataset  # noqa: PLC0415
    from freehold.cli.waiting import waiting  # noqa: PLC0415
    from freehold.compare.suites.scorer_text import read_scorer  # noqa: PLC0415
    from freehold.core.clock import microseconds  # noqa: PLC0415
    from freehold.train.data.gate import decisions_of  # noqa: PLC0415

    wanted = Wanted(
        name=name,
        sources=tuple(source),
        accept=tuple(word for word in (one.strip() for one in (accept or "").split(",")) if word),
        good=good,
        since_us=0 if days is None else microseconds(time.time() - days * 86_400),
        maker=_checked_maker(maker),
        masked=not unmasked,
        held_out=held_out,
        split_by=split_by,
        alike=alike,
        decisions=decisions_of(allow or [], by),
        spared=tuple(spared or ()),
        columns=_columns(field or [], ignore or []),
        scorers=tuple(map(read_scorer, scorer or ())),
    )
    settings = freehold.settings_from(config)
    with waiting(f"Making {name}") as advance:
        made = make_dataset(settings, wanted, by=actor(), looked=advance)
    if as_json:
        write_json({**facts_of(made.dataset), "new": made.is_new, "report": made.report})
        return
    tell_made(made)


app.command()(synthesise)


@app.command(name="list")
def list_(config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """List the datasets, the newest first."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.datasets import datasets_of  # noqa: PLC0415

    found = datasets_of(freehold.settings_from(config)).list()
    if as_json:
        for one in found:
            write_json(facts_of(one))
        return
    if not found:
        say("There are no datasets. Make one with `freehold dataset make NAME --from route:NAME`.")
        return
    columns = [
        Column("DATASET", width=44),
        Column("TO LEARN", right=True),
        Column("HELD OUT", right=True, rank=1),
        Column("FROM", width=32, rank=3),
        Column("WRITTEN BY", width=32, rank=2),
        Column("MADE", rank=4),
    ]
    Listing(columns).write(
        (
            one.reference,
            f"{one.manifest.rows.get('train', 0):,}",
            f"{one.manifest.rows.get('held-out', 0):,}",
            one.manifest.source,
            ", ".join(one.manifest.makers),
            show_moment(one.manifest.made_us, utc=utc),
        )
        for one in found
    )


@app.command()
def show(
    which: Named,
    *,
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=0, metavar="N", help="So many of its rows, too.")
    ] = 0,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Show a dataset: its sources, what was left out and why, who wrote it, and what it is like."""
    from itertools import chain, islice  # noqa: PLC0415 - imported when the command runs

    from freehold import app as freehold  # noqa: PLC0415
    from freehold.app.datasets import datasets_of  # noqa: PLC0415
    from freehold.train.data.reading import report_of  # noqa: PLC0415
    from freehold.train.data.shelf import SPLITS  # noqa: PLC0415

    found = datasets_of(freehold.settings_from(config)).find(which)
    report = report_of(found)
    some = list(islice(chain.from_iterable(found.rows(split) for split in SPLITS), rows))
    if as_json:
        write_json({**facts_of(found), "report": report, "rows_shown": some})
        return
    tell_report(found, report, utc=utc)
    write("".join(plain(msgspec.json.encode(row).decode()) + "\n" for row in some))


@app.command()
def export(
    which: Named,
    *,
    split: Annotated[
        Literal["train", "held-out"], typer.Option("--split", help="Which of its two parts.")
    ] = "train",
    form: Annotated[
        Literal["rows", "messages"],
        typer.Option(
            "--form",
            help="`rows`: as they are kept. `messages`: conversations that end with the answer, as most trainers read.",
        ),
    ] = "rows",
    config: Config = None,
) -> None:
    """Write one part of a dataset to standard output as JSONL."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.datasets import datasets_of  # noqa: PLC0415
    from freehold.train.data.reading import as_messages  # noqa: PLC0415

    found = datasets_of(freehold.settings_from(config)).find(which)
    if form == "rows":
        with found.file(split).open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        for row in found.rows(split):
            sys.stdout.buffer.write(as_messages(row) + b"\n")
    sys.stdout.buffer.flush()
    say(f"{counted(found.manifest.rows[split], 'row')} exported.")


@app.command()
def check(
    which: Named,
    *,
    suite: Annotated[
        str | None,
        typer.Option("--suite", metavar="SUITE", help="Look for cases of this suite alone."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check that a dataset is whole, holds nothing of a suite there is now, and that terms still allow it. Exit 1: not.

    Suites that were added since it was made are looked for, too. A model that was trained on rows like a suite's cases
    cannot be measured with that suite.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.datasets import check_dataset  # noqa: PLC0415
    from freehold.cli.waiting import waiting  # noqa: PLC0415

    with waiting(f"Checking {which}") as advance:
        found, checked = check_dataset(freehold.settings_from(config), which, suite, advance)
    faults = checked.faults
    if as_json:
        write_json({"dataset": found.reference, "good": not faults, "faults": faults, "found": checked})
    elif not faults:
        write(f"{found.reference} is whole, holds nothing of a suite, and its terms allow it.\n")
    if faults:
        raise BadRequest(
            " ".join(faults), hint=f"`freehold dataset show {found.reference}` says how it was made."
        )


def _columns(field: list[str], ignore: list[str]) -> Columns | None:
    from freehold.train.data.linefile import columns_of_lines  # noqa: PLC0415 - imported when the command runs

    pairs = {}
    for text in field:
        ours, equals, theirs = text.partition("=")
        if not (equals and ours and theirs):
            raise BadRequest(f"`--field {text}` names no two fields.", hint="Write `--field input=question`.")
        pairs[ours] = theirs
    return columns_of_lines(pairs, tuple(ignore)) if pairs or ignore else None


def _checked_maker(maker: str | None) -> str | None:
    if maker is None or maker == "people" or all(maker.partition("/")):
        return maker
    raise BadRequest(
        f"`--maker {maker}` is neither a model nor `people`.", hint="A model is written `provider/name`."
    )
