"""`freehold suite`: what models are compared on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from freehold.cli.completion import route_names
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, fold, plain, say, write, write_json
from freehold.cli.suite_shown import by_size, name_scorers, shortened, show_suite, tell
from freehold.core.errors import BadRequest, NotFound
from freehold.core.figures import counted, show_moment

if TYPE_CHECKING:
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.config.settings import Settings
    from freehold.ledger.reading import LedgerReader

_SHORT_HASH = 7
_SHORT_ID = 18

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Named = Annotated[
    str,
    typer.Argument(help="Its name, of which the newest is meant, or a beginning of its id or of its hash."),
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call it.")]
Scorers = Annotated[
    list[str] | None,
    typer.Option(
        "--scorer",
        metavar="KIND[:SETTING=VALUE,…]",
        help="How answers are judged: `exact`, `rubric-judge:model=openai/gpt-4o`; may be given again.",
    ),
]


@app.callback()
def suite() -> None:
    """Make, list and export suites: the cases that models are compared on."""


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Cases (`.jsonl`, `.csv`), a suite's own `.toml`, or a task of Inspect AI (`.py`, `.py@TASK`, "
            "`inspect:MODULE@TASK`).",
        ),
    ],
    *,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="The file holds answers or scores that were made elsewhere.")
    ] = False,
    name: Name = None,
    scorer: Scorers = None,
    score_range: Annotated[
        str | None,
        typer.Option(
            "--score-range", metavar="LOW:HIGH", help="Of recorded scores that are not from 0 to 1: `1:10`."
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field", metavar="OURS=THEIRS", help="A field by the file's own name: `input=question`."
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="NAME", help="A field that means nothing here.")
    ] = None,
    task_arg: Annotated[
        list[str] | None,
        typer.Option("--task-arg", metavar="NAME=VALUE", help="What a task of Inspect AI is called with."),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model that a task's scorer asks, where it asks one."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a suite of a file. Every line is looked at first: of a file with a mistake in it, nothing is kept.

    A line is a case: `input` (text, or a list of messages) or a whole `request`, and where they are known `target`,
    `id`, `class`, `group`, `system`, `tools` and `response_format`. With --recorded a line is an answer: `case`,
    `model`, `answer` or `score` or both, and whatever a case has. The file of a task of Inspect AI is executed.
    """
    from freehold.compare.inspection.tasks import is_task  # noqa: PLC0415 - imported when the command runs

    if is_task(str(file)):
        if recorded or scorer or score_range is not None or field or ignore:
            raise BadRequest(
                "A task of Inspect AI brings its own cases and scorers.", hint="Use --task-arg and --grader."
            )
        _add_task(str(file), task_arg, grader, name, config, as_json=as_json)
        return
    if task_arg or grader is not None:
        raise BadRequest("`--task-arg` and `--grader` are of tasks of Inspect AI.", hint="Name a `.py` file.")
    from freehold.cli.waiting import waiting  # noqa: PLC0415 - imported when the command runs
    from freehold.compare.suites.adding import add_file  # noqa: PLC0415
    from freehold.compare.suites.description import columns_of, described, name_for  # noqa: PLC0415
    from freehold.compare.suites.recorded import range_of  # noqa: PLC0415
    from freehold.compare.suites.recording import add_recorded  # noqa: PLC0415
    from freehold.compare.suites.scorer_text import read_scorer  # noqa: PLC0415

    description = described(file)
    if name is not None:
        description = msgspec.structs.replace(description, name=name_for(name))
    if scorer:
        description = msgspec.structs.replace(description, scorers=tuple(map(read_scorer, scorer)))
    if field or ignore:
        columns = columns_of(dict(map(_named_field, field or ())), tuple(ignore or ()))
        description = msgspec.structs.replace(description, columns=columns)
    if score_range is not None and not recorded:
        raise BadRequest("`--score-range` is of recorded scores.", hint="Say `--recorded`, too.")
    with _shelf(config) as shelf, waiting(f"Reading {description.cases.name}"):
        scores = range_of(score_range)
        added = add_recorded(shelf, description, scores) if recorded else add_file(shelf, description)
    if as_json:
        write_json({**show_suite(added.suite), "new": added.is_new, "answers": added.answers})
        return
    tell(added.suite, new=added.is_new)
    if recorded:
        say(f"{counted(added.answers, 'answer')} added.")


def _add_task(
    reference: str,
    told: list[str] | None,
    grader: str | None,
    name: str | None,
    config: Config,
    *,
    as_json: bool,
) -> None:
    from freehold.cli.waiting import waiting  # noqa: PLC0415 - imported when the command runs
    from freehold.compare.inspection.adding import add_task  # noqa: PLC0415
    from freehold.compare.inspection.tasks import read_args  # noqa: PLC0415
    from freehold.compare.suites.description import name_for  # noqa: PLC0415

    args = read_args(told or ())
    called = None if name is None else name_for(name)
    with _shelf(config) as shelf, waiting(f"Reading {reference}"):
        added = add_task(shelf, reference, args, grader=grader, name=called)
    if as_json:
        write_json({**show_suite(added.suite), "new": added.is_new, "answers": 0})
        return
    tell(added.suite, new=added.is_new)


@app.command()
def sample(
    route: Annotated[
        str, typer.Argument(help="A route, or `provider/model` as it was called.", autocompletion=route_names)
    ],
    *,
    days: Annotated[int, typer.Option("--days", min=1, metavar="N", help="Of the last so many days.")] = 14,
    n: Annotated[int, typer.Option("--n", "-n", min=2, metavar="N", help="So many cases.")] = 500,
    least: Annotated[
        int, typer.Option("--least", min=0, metavar="N", help="At least so many of each class of tasks.")
    ] = 5,
    classes: Annotated[
        str,
        typer.Option(
            "--classes",
            metavar="words|meaning|RUN",
            help="Find classes by words, or by the meaning that the local embeddings model sees, which takes longer; "
            "or go by those that a run of `freehold train rank` learned.",
        ),
    ] = "words",
    turns: Annotated[
        Literal["first", "all"],
        typer.Option(
            "--turns",
            help="`first`: what conversations begin with. `all`: later turns too, with what was said before as it was.",
        ),
    ] = "first",
    answers: Annotated[
        bool, typer.Option("--answers", help="Keep what was answered then as the target, to compare with.")
    ] = False,
    corrected: Annotated[
        bool,
        typer.Option(
            "--corrected",
            help="Only questions whose answers were corrected by feedback, with the correction as the target.",
        ),
    ] = False,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="Leave personal data and secrets in, and pictures and files.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Which of the samples there are.")
    ] = 0,
    name: Name = None,
    scorer: Scorers = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a suite of a route's own calls: different questions of all classes of tasks, with personal data masked.

    Only what the ledger keeps the bodies of can be sampled. Conversations are sampled by what they begin with: later
    turns answer what the old model said, which puts a better one at a disadvantage.
    """
    import time  # noqa: PLC0415 - imported when the command runs

    from freehold import app as freehold  # noqa: PLC0415
    from freehold.cli.waiting import waiting  # noqa: PLC0415
    from freehold.compare.suites.adding import need_scorers  # noqa: PLC0415
    from freehold.compare.suites.checking import Checks  # noqa: PLC0415
    from freehold.compare.suites.description import name_for  # noqa: PLC0415
    from freehold.compare.suites.masking import Masking  # noqa: PLC0415
    from freehold.compare.suites.persons import Persons  # noqa: PLC0415
    from freehold.compare.suites.sampling import add_sample, draw  # noqa: PLC0415
    from freehold.compare.suites.scorer_text import read_scorer  # noqa: PLC0415
    from freehold.compare.suites.wish import Wish  # noqa: PLC0415
    from freehold.core.clock import microseconds  # noqa: PLC0415

    if answers and corrected:
        raise BadRequest(
            "`--answers` and `--corrected` both say what the target is.", hint="Leave one of them out."
        )
    scorers = tuple(map(read_scorer, scorer or ()))
    need_scorers(name or route, scorers)
    Checks(scorers)
    settings = freehold.settings_from(config)
    wish = Wish(
        route=route,
        since_us=microseconds(time.time() - days * 86_400),
        n=n,
        least=least,
        all_turns=turns == "all",
        answers=answers,
        corrected=corrected,
        masked=not unmasked,
        by_meaning=classes == "meaning",
        head=None if classes in {"words", "meaning"} else _head_of(classes, settings),
        seed=seed,
    )
    history = freehold.history_of(settings)
    _check_route(route, settings, history)
    with _shelf(config) as shelf, waiting(f"Sampling {route}") as advance:
        drawn = draw(history, wish, lambda: Masking(Persons().find), advance)
        added = add_sample(shelf, name_for(name or route), scorers, drawn)
    if as_json:
        write_json({**show_suite(added.suite), "new": added.is_new})
        return
    tell(added.suite, new=added.is_new)


def _head_of(run: str, settings: Settings) -> Path:
    from freehold.app.training import head_in  # noqa: PLC0415 - most samples have none

    return head_in(settings, run)


@app.command(name="list")
def list_(config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """List the suites, the newest first. Ids and hashes are cut to what tells them apart; --json has them whole."""
    with _shelf(config) as shelf:
        found = shelf.list()
    if as_json:
        for one in found:
            write_json(show_suite(one))
        return
    if not found:
        say("There are no suites. Make one with `freehold suite add FILE` or `freehold suite sample ROUTE`.")
        return
    hashes = shortened([one.hash for one in found], least=_SHORT_HASH)
    ids = shortened([one.id for one in found], least=_SHORT_ID)
    listing = Listing(
        [
            Column("NAME", width=32),
            Column("CASES", right=True),
            Column("SCORERS", width=48, rank=2),
            Column("FROM", width=32, rank=4),
            Column("MADE", rank=5),
            Column("HASH", rank=3),
            Column("ID", rank=1),
        ]
    )
    listing.write(
        (
            one.name,
            str(one.cases),
            name_scorers(one),
            f"{one.source.kind} {one.source.name}",
            show_moment(one.made_us, utc=utc),
            hash_,
            id_,
        )
        for one, hash_, id_ in zip(found, hashes, ids, strict=True)
    )


@app.command()
def show(
    which: Named,
    *,
    cases: Annotated[
        int, typer.Option("--cases", "-n", min=0, metavar="N", help="So many of its cases, too.")
    ] = 3,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Show a suite: where it is from, what was left out of it and why, its classes, and some of its cases."""
    from itertools import islice  # noqa: PLC0415 - imported when the command runs

    from freehold.compare.suites.exporting import row_of  # noqa: PLC0415
    from freehold.compare.suites.recording import recorded_models  # noqa: PLC0415

    with _shelf(config) as shelf:
        found = shelf.find(which)
        classes = shelf.classes(found.id)
        some = [row_of(case) for case in islice(shelf.cases(found.id), cases)]
        models = recorded_models(shelf, found)
    if as_json:
        write_json({**show_suite(found), "classes": classes, "recorded": models, "cases_shown": some})
        return
    lines = [
        f"{found.name}  ({found.id})",
        f"  hash     {found.hash}",
        f"  made     {show_moment(found.made_us, utc=utc)} from {found.source.kind} {found.source.name}",
        f"  scorers  {name_scorers(found)}",
        f"  cases    {found.cases:,}",
    ]
    if set(classes) != {""}:
        lines.append("  classes")
        lines += [f"    {many:>6,}  {name or '(none)'}" for name, many in by_size(classes)]
    if models:
        lines.append("  recorded answers")
        lines += [f"    {many:>6,}  {model}" for model, many in models.items()]
    if found.source.notes:
        lines.append("  notes")
        lines += [fold(f"    - {note}", indent=6) for note in found.source.notes]
    lines += [msgspec.json.encode(row).decode() for row in some]
    write("".join(plain(line) + "\n" for line in lines))


@app.command()
def remove(which: Named, *, config: Config = None, as_json: AsJson = False) -> None:
    """Take a suite off the shelf. Comparisons that were made with it keep what they need of it."""
    with _shelf(config) as shelf:
        removed = shelf.remove(which)
    if as_json:
        write_json(show_suite(removed))
        return
    say(f"Removed `{removed.name}` ({removed.id}).")


@app.command()
def export(which: Named, *, config: Config = None) -> None:
    """Write a suite to standard output as JSONL: its scorers in the first line, then a line for each case.

    `freehold suite add` makes the same suite of it, with the same hash.
    """
    from freehold.compare.suites.exporting import lines_of  # noqa: PLC0415 - imported when the command runs

    with _shelf(config) as shelf:
        found = shelf.find(which)
        for line in lines_of(found, shelf.cases(found.id)):
            sys.stdout.buffer.write(line)
    say(f"{counted(found.cases, 'case')} exported.")


def _check_route(route: str, settings: Settings, history: LedgerReader) -> None:
    """Raises NotFound: nobody has called such a route or model, and there is none either."""
    from freehold.core.suggest import did_you_mean  # noqa: PLC0415 - imported when the command runs
    from freehold.ledger.filters import Filter  # noqa: PLC0415

    called = {one.names[0] for one in history.sums(("route",), Filter())} if history.exists else set()
    known = {*settings.routes, *filter(None, called)}
    if route not in known:
        hint = did_you_mean(route, known) or "`freehold routes` lists the routes."
        raise NotFound(f"There is no route `{route}`, and nobody has called a model of this name.", hint=hint)


def _named_field(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (equals and ours and theirs):
        raise BadRequest(f"`--field {text}` names no two fields.", hint="Write `--field input=question`.")
    return ours, theirs


@contextmanager
def _shelf(config: Config) -> Iterator[SuiteShelf]:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.compare.suites.shelf import SuiteShelf  # noqa: PLC0415

    with closing(freehold.comparisons_of(freehold.settings_from(config))) as database:
        yield SuiteShelf(database)
