"""`freehold train`: make a model of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.actor import actor
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, plain, say, write, write_json
from freehold.cli.train_plan import plan
from freehold.core.errors import BadRequest
from freehold.core.figures import show_moment

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.train.run import RunFolder

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

SUMMARIES = {
    "pretrain": "Make a small model and its tokenizer from nothing but text.",
    "sft": "Teach a model to answer as the answers of a dataset do.",
    "distil": "Teach a model to answer as a bigger one does.",
    "prefer": "Teach a model which of two answers is the better one.",
    "reason": "Teach a model to think before it answers, by rewarding right answers.",
    "rank": "Teach a small head to tell classes of questions apart.",
}
"""Every recipe with its line in `freehold train --help`."""

On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="ray[=ADDRESS]",
        help="Train on a Ray cluster, whose machines share every step; without an address on what RAY_ADDRESS says, "
        "or on a cluster of this machine alone.",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, metavar="NUMBER", help="With --on: how many. Default: one on each machine."),
]
Spread = tuple[str | None, int | None]
"""A cluster's address, and how many processes."""

Which = Annotated[
    str,
    typer.Argument(
        help="Its id or the beginning of it, or its name, of which the newest is meant.", metavar="RUN"
    ),
]


@app.callback()
def train() -> None:
    """Make a model of your own: run a recipe on a dataset."""


def _add(recipe: str, summary: str) -> None:
    """A command for a recipe. All take the same options; what they differ in is dials."""

    @app.command(name=recipe, help=f"{summary}\n\n{_ALL}", short_help=summary)
    def run_recipe(
        *,
        data: Annotated[
            str | None,
            typer.Option("--data", metavar="DATASET", help="What to learn from: `freehold dataset list`."),
        ] = None,
        base: Annotated[
            str | None,
            typer.Option(
                "--base",
                metavar="MODEL",
                help="What to begin from: `local/smollm2-135m`, `own/NAME`, a run, a folder in Hugging Face's form.",
            ),
        ] = None,
        settings: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="DIAL=VALUE", help="Another value for a dial; may be repeated."),
        ] = None,
        seed: Annotated[
            int, typer.Option(min=0, metavar="NUMBER", help="Fixes everything that is drawn.")
        ] = 0,
        name: Annotated[
            str | None, typer.Option("--name", metavar="NAME", help="Of the run. Default: the dataset's.")
        ] = None,
        resume: Annotated[
            str | None,
            typer.Option("--resume", metavar="RUN", help="Go on with this run instead, as it was begun."),
        ] = None,
        on: On = None,
        processes: Processes = None,
        dials: Annotated[
            bool,
            typer.Option("--dials", help="List the recipe's dials, their values and what they do, and end."),
        ] = False,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
        from freehold.app.together import assisted  # noqa: PLC0415
        from freehold.app.training import dials_with, make_run  # noqa: PLC0415
        from freehold.cli.train_shown import show_dials  # noqa: PLC0415
        from freehold.train.catalogue import check_spread, meanings_of  # noqa: PLC0415

        values = dials_with(recipe, _pairs(settings or ()))
        if dials:
            if as_json:
                write_json(values)
            else:
                show_dials(values, meanings_of(recipe))
            return
        known, spread = freehold.settings_from(config), _spread(on, processes)
        if spread is not None:
            check_spread(recipe)
        if resume is not None:
            if data or base or settings or name:
                raise BadRequest(
                    "A run is gone on with as it was begun.",
                    hint=f"`freehold train resume {resume}`, and nothing else.",
                )
            _go_on(known, resume, as_json=as_json, recipe=recipe, spread=spread)
            return
        if assisted(known):
            return
        folder = make_run(
            known, recipe, dataset=data, base=base, dials=values, seed=seed, name=name, by=actor()
        )
        _train(known, folder, as_json=as_json, resume=False, spread=spread)


_ALL = (
    "How it stands is shown while it runs; Ctrl-C keeps a checkpoint and stops, and `freehold train resume` goes on "
    "exactly there, also after a crash. The model is in the run's folder, with a card that says how it was made."
)
for _name, _summary in SUMMARIES.items():
    _add(_name, _summary)


app.command()(plan)


@app.command(name="list")
def list_(config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """List the runs, the newest first."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.training import runs_of  # noqa: PLC0415
    from freehold.cli.train_shown import facts_of, loss_shown, state_of  # noqa: PLC0415

    found = runs_of(freehold.settings_from(config)).list()
    if as_json:
        for one in found:
            write_json(facts_of(one))
        return
    if not found:
        say("There is no run yet: `freehold train sft --data DATASET --base local/smollm2-135m`.")
        return
    columns = [
        Column("RUN", width=38),
        Column("NAME", width=24),
        Column("RECIPE"),
        Column("STATE"),
        Column("BEGUN", rank=2),
        Column("DATASET", width=32, rank=3),
        Column("LOSS", right=True, rank=1),
    ]
    runs = [(one, one.read()) for one in found]
    Listing(columns).write(
        (
            run.id,
            run.name,
            run.recipe,
            state_of(one, run),
            show_moment(run.begun_us, utc=utc),
            run.dataset or "-",
            loss_shown(run),
        )
        for one, run in runs
    )


@app.command()
def show(which: Which, config: Config = None, as_json: AsJson = False) -> None:
    """Show what a run is and what came of it: its model card."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.training import card_shown, runs_of  # noqa: PLC0415
    from freehold.cli.train_shown import facts_of  # noqa: PLC0415

    settings = freehold.settings_from(config)
    folder = runs_of(settings).find(which)
    if as_json:
        write_json(facts_of(folder))
    else:
        write(plain(card_shown(settings, folder)))


@app.command()
def resume(
    which: Which,
    on: On = None,
    processes: Processes = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run from its last checkpoint, as if it had never stopped."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    _go_on(freehold.settings_from(config), which, as_json=as_json, spread=_spread(on, processes))


def _go_on(
    settings: Settings, which: str, *, as_json: bool, spread: Spread | None, recipe: str | None = None
) -> None:
    from freehold.app.together import assisted  # noqa: PLC0415
    from freehold.app.training import runs_of  # noqa: PLC0415
    from freehold.train.catalogue import check_spread  # noqa: PLC0415

    if assisted(settings):
        return
    folder = runs_of(settings).find(which)
    run = folder.read()
    if recipe is not None and run.recipe != recipe:
        raise BadRequest(
            f"The run `{run.id}` is one of `{run.recipe}`.",
            hint=f"`freehold train resume {run.id}` goes on with it.",
        )
    if spread is not None:
        check_spread(run.recipe)
    _train(settings, folder, as_json=as_json, resume=True, spread=spread)


def _train(
    settings: Settings, folder: RunFolder, *, as_json: bool, resume: bool, spread: Spread | None
) -> None:
    from freehold.app.ray_training import train_on_ray  # noqa: PLC0415
    from freehold.app.training import train_run  # noqa: PLC0415
    from freehold.cli.train_progress import watching  # noqa: PLC0415
    from freehold.cli.train_shown import facts_of, tell_end  # noqa: PLC0415

    with watching(folder.folder.name) as watch:
        if spread is None:
            run = train_run(settings, folder, watch.point, watch.asked, resume=resume)
        else:
            address, processes = spread
            run = train_on_ray(
                settings, folder, watch.point, address=address, processes=processes, resume=resume
            )
    if as_json:
        write_json(facts_of(folder))
    else:
        tell_end(folder, run)
    if run.state == "stopped":
        raise typer.Exit(STOPPED)


STOPPED = 1
"""Exit status: it was told to stop, and there is no model yet."""


def _spread(on: str | None, processes: int | None) -> Spread | None:
    if on is None:
        if processes is not None:
            raise BadRequest("`--processes` are those of a cluster.", hint="Add `--on ray`.")
        return None
    kind, _, address = on.partition("=")
    if kind != "ray":
        raise BadRequest(
            f"Nothing can be trained on `{on}`.", hint="Write `--on ray`, or `--on ray=ADDRESS`."
        )
    return address or None, processes


def _pairs(settings: list[str] | tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for one in settings:
        dial, given, value = one.partition("=")
        if not given:
            raise BadRequest(f"`{one}` sets nothing.", hint="Write it as `--set epochs=3`.")
        pairs[dial.strip()] = value.strip()
    return pairs
