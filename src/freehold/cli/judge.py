"""`freehold judge`: how far a model can be relied on that judges answers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.waiting import waiting
from freehold.core.errors import BadRequest
from freehold.core.figures import counted, show_moment

if TYPE_CHECKING:
    from freehold.compare.case import ScorerSettings
    from freehold.compare.judges.checking import JudgeCheck
    from freehold.compare.judges.findings import Findings
    from freehold.compare.stats.agreement import Measured

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Alpha = Annotated[
    float,
    typer.Option(
        metavar="NUMBER", min=1e-6, max=0.5, help="Intervals hold the truth in all but this share of cases."
    ),
]


@app.callback()
def judge() -> None:
    """Measure judges against what people say."""


@app.command()
def check(
    *,
    labels: Annotated[
        Path, typer.Option("--labels", metavar="FILE", help="What people say: one JSON object a line.")
    ],
    model: Annotated[
        str | None, typer.Option("--judge", metavar="MODEL", help="The model that judges: `provider/name`.")
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            "--scorer",
            metavar="JSON",
            help="How it is set: a file, or a JSON object, as in a suite's scorers.",
        ),
    ] = None,
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="SUITE", help="The suite whose judge is meant.")
    ] = None,
    sample_of: Annotated[
        str | None,
        typer.Option(
            "--sample-of",
            metavar="SUITE",
            help="What was labelled was drawn at random from this suite: then people decide comparisons over it.",
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="What all calls together may cost at the most.")
    ] = None,
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="With a budget: ask the judge although its price is not known.")
    ] = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1000, metavar="N", help="Questions at once to the judge.")
    ] = None,
    alpha: Alpha = 0.05,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Measure a judge against what people say, and keep that.

    Comparisons whose suite has a judge that is set in the same way are corrected with it. A check that was broken off
    is gone on with by the same command.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.judging import WantedCheck, judge_checks_of  # noqa: PLC0415
    from freehold.compare.judges.labels import read_labels  # noqa: PLC0415

    settings = freehold.settings_from(config)
    read = read_labels(_content(labels), labels.name)
    wanted = WantedCheck(
        labels=read,
        file=labels.name,
        judge=model,
        scorer=None if scorer is None else _scorer(scorer),
        suite=suite,
        sample_of=sample_of,
        concurrency=concurrency or settings.compare.concurrency,
        budget=_dollars(budget),
        unpriced=unpriced,
    )
    with judge_checks_of(settings) as checks, waiting("Judging", len(read.labels)) as step:
        found = checks.run(wanted, step)
    _show(found, alpha, as_json=as_json)


@app.command(name="list")
def list_(config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """List the checks, the newest first."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.judging import judge_checks_of  # noqa: PLC0415

    with judge_checks_of(freehold.settings_from(config)) as checks:
        found = checks.all()
    if as_json:
        for one in found:
            write_json(_facts(one))
        return
    if not found:
        say("No judge was checked yet: `freehold judge check --judge MODEL --labels FILE`.")
        return
    columns = [
        Column("CHECK", width=24),
        Column("MADE", rank=3),
        Column("JUDGE", width=40),
        Column("KIND", rank=4),
        Column("LABELS", right=True),
        Column("OF", width=32, rank=5),
        Column("STATE", rank=2),
    ]
    Listing(columns).write(
        (
            one.id,
            show_moment(one.made_us, utc=utc),
            one.judge,
            one.kind,
            str(len(one.judged)),
            one.file,
            "complete" if one.complete else "broken off",
        )
        for one in found
    )


@app.command()
def show(
    which: Annotated[str, typer.Argument(help="A check's id, or the beginning of one.", metavar="CHECK")],
    *,
    alpha: Alpha = 0.05,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a check found."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.judging import judge_checks_of  # noqa: PLC0415

    with judge_checks_of(freehold.settings_from(config)) as checks:
        found = checks.find(which)
    _show(found, alpha, as_json=as_json)


@app.command()
def sample(
    comparison: Annotated[str, typer.Argument(help="The comparison.", metavar="COMPARISON")],
    *,
    n: Annotated[int, typer.Option("--n", "-n", min=1, metavar="N", help="Cases at the most.")] = 100,
    candidate: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Where there are several: whose answers.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes what is drawn.")] = 0,
    config: Config = None,
) -> None:
    """Draw answers of a comparison at random, for people to label.

    Writes a file of labels to standard output, one JSON object a line, in which people replace each `null`. `freehold
    judge check --sample-of SUITE --labels FILE` takes it then.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.judging import judge_checks_of  # noqa: PLC0415

    with judge_checks_of(freehold.settings_from(config)) as checks:
        drawn = checks.sample(comparison, candidate, n, seed)
    for line in drawn.lines:
        write_json(line)
    say(
        f"{counted(len(drawn.lines), 'line')} to label. The models' names are in them: hide those from who labels."
    )
    if not drawn.whole:
        say(
            "Not all cases of the suite were asked, and where a comparison stops depends on the judge: these are no "
            "random sample of the suite. `freehold compare … --to-the-end` asks them all."
        )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"`{path}` cannot be read: {error.strerror}.") from None


def _scorer(text: str) -> ScorerSettings:
    import msgspec  # noqa: PLC0415 - imported when the command runs

    from freehold.compare.case import ScorerSettings  # noqa: PLC0415

    content = text.encode() if text.lstrip().startswith("{") else _content(Path(text))
    try:
        return msgspec.json.decode(content, type=ScorerSettings)
    except msgspec.DecodeError as error:
        raise BadRequest(
            f"The scorer is not understood: {error}.",
            hint='It looks like `{"kind": "rubric-judge", "settings": {"rubric": "…"}}`.',
        ) from None


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise BadRequest(f"`{text}` is no amount in dollars.", hint="Write it like `5` or `0.50`.")
    return amount


def _show(check: JudgeCheck, alpha: float, *, as_json: bool) -> None:
    from freehold.compare.judges.findings import findings_of  # noqa: PLC0415 - NumPy is slow to import

    findings = findings_of(check, alpha=alpha)
    if as_json:
        write_json({**_facts(check), "findings": findings})
        return
    Listing(
        [Column("MEASURED"), Column("VALUE", right=True), Column("INTERVAL"), Column("OF", right=True)]
    ).write((name, *_cells(measured, signed=name in _SIGNED)) for name, measured in _rows(check, findings))
    say("")
    columns = [
        Column("MODEL", width=44),
        Column("SENSITIVITY", right=True),
        Column("INTERVAL", rank=3),
        Column("SPECIFICITY", right=True),
        Column("INTERVAL", rank=3),
        Column("LEANS BY", right=True),
        Column("INTERVAL", rank=2),
    ]
    Listing(columns).write(
        (
            one.model,
            *_cells(one.sensitivity)[:2],
            *_cells(one.specificity)[:2],
            *_cells(one.lean, signed=True)[:2],
        )
        for one in findings.models
    )
    _tell(check, findings, alpha)


_SIGNED = ("kappa", "self-preference")


def _rows(check: JudgeCheck, findings: Findings) -> list[tuple[str, Measured | None]]:
    rows = [
        ("agreement", findings.agreement),
        ("kappa", findings.kappa),
        ("no verdict", findings.no_verdict),
        ("self-preference", findings.self_preference),
    ]
    if check.kind == "pairwise-judge":
        rows[3:3] = [
            ("same in both orders", findings.consistency),
            ("first preferred", findings.first_preferred),
        ]
    return rows


def _cells(measured: Measured | None, *, signed: bool = False) -> tuple[str, str, str]:
    if measured is None:
        return "-", "", ""
    form = "+.3f" if signed else ".1%"
    interval = f"{measured.low:{form}} to {measured.high:{form}}"
    return f"{measured.value:{form}}", interval, str(measured.n)


def _tell(check: JudgeCheck, findings: Findings, alpha: float) -> None:
    """What one has to know to read the figures."""
    said = [f"`{check.id}`: `{check.judge}` judged {counted(findings.n, 'label')} of {check.file}."]
    if not check.complete:
        said.append("It was broken off: comparisons are not corrected with it.")
    elif check.sample_of is not None:
        said.append(
            "They are a random sample of a suite: comparisons over it are decided by people's labels."
        )
    else:
        said.append(
            "They are from elsewhere: they correct estimates and can withdraw a verdict, but make none."
        )
    if findings.repeat_variance is not None:
        said.append(f"Repeated verdicts have a variance of {findings.repeat_variance:.4f}.")
    if findings.self_preference is None:
        said.append("Its own provider's models are not among others, so self-preference cannot be told.")
    said.append(f"Intervals at {1 - alpha:.0%}.")
    say(" ".join(said))


def _facts(check: JudgeCheck) -> dict[str, object]:
    import msgspec  # noqa: PLC0415 - imported when the command runs

    from freehold.compare.shown import show_check  # noqa: PLC0415

    return msgspec.structs.asdict(show_check(check))
