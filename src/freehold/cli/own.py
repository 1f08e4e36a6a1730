"""`freehold own`: from a route's calls to a model of one's own that answers it, with a gate after every step."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from freehold.cli.completion import route_names
from freehold.cli.options import AsJson, Config
from freehold.cli.output import fold, plain, say, write, write_json
from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean, one_of
from freehold.train.owning.loop import STEPS, StepName

if TYPE_CHECKING:
    from freehold.app.owning import Owning
    from freehold.config.settings import Settings
    from freehold.train.owning.loop import Loop

app = typer.Typer(rich_markup_mode=None, add_completion=False)

WAITS = 3
"""Exit status: the next step waits for somebody's approval."""
REFUSED = 1
"""Exit status: a gate refused, or a command could not do its work."""
_STEPS = ", ".join(get_args(StepName))


@app.command()
def own(
    route: Annotated[
        str,
        typer.Argument(help="The route to own.", metavar="ROUTE", autocompletion=route_names),
    ],
    *,
    yes_until: Annotated[
        str | None,
        typer.Option("--yes-until", metavar="STEP", help=f"Approve all steps up to this one: {_STEPS}."),
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Show how it stands, and do nothing.")] = False,
    back_to: Annotated[
        str | None,
        typer.Option("--back-to", metavar="STEP", help="Do this step and those after it again."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option("--suite", metavar="SUITE", help="Measure on this suite. Default: one that is sampled."),
    ] = None,
    scorer: Annotated[
        list[str] | None,
        typer.Option(
            "--scorer",
            metavar="KIND[:SETTING=VALUE,…]",
            help="Of the sampled suite: `exact`; may be given again.",
        ),
    ] = None,
    cases: Annotated[
        int | None, typer.Option("--cases", min=2, metavar="N", help="Of the sampled suite. Default: 500.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Learn from `route:NAME`, `suite:NAME` or `file:PATH`; may be given again. Default: the route.",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="RECIPE", help="How to train. Default: `sft`.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="What to begin from. Default: `local/smollm2-135m`."),
    ] = None,
    dials: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="DIAL=VALUE", help="Of the recipe; may be given again."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="Of the training.")] = None,
    form: Annotated[
        str | None, typer.Option("--to", metavar="FORM", help="To export. Default: `gguf:q8_0`.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="The model is to be called `own/NAME`. Default: the route."
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="DOLLARS", help="What the comparison may cost.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="STEP=WORDS",
            help="Words for a step's command: `data=--accept unchecked`; may be given again.",
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Go from a route's calls to a model of your own that answers it, gate by gate.

    Six steps, each a command that you could type yourself: sample a suite, make a dataset, train, export, compare,
    begin a rollout. Before each it shows the command and what it would take, and stops for your word; after each a gate
    says whether it may go on. The same command again goes on after any stop, a power cut too. Exit 3: it waits for your
    approval. Exit 1: a gate refused, or a step failed.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.owning import Owning  # noqa: PLC0415

    until = _step(yes_until, "--yes-until")
    back = _step(back_to, "--back-to")
    told = {
        "suite": suite,
        "scorers": None if scorer is None else tuple(scorer),
        "cases": cases,
        "sources": None if source is None else tuple(source),
        "recipe": recipe,
        "base": base,
        "dials": None if dials is None else tuple(dials),
        "seed": seed,
        "form": form,
        "name": name,
        "budget": budget,
        "also": _also(also),
        "config": None if config is None else str(Path(config).absolute()),
    }
    settings = freehold.settings_from(config)
    owning = Owning(settings, route)
    if status:
        _show_status(settings, owning, as_json=as_json)
        return
    with owning.held():
        loop = owning.begin({key: value for key, value in told.items() if value is not None}, back_to=back)
        loop = _go(settings, owning, loop, until, as_json=as_json)
    _end(settings, loop, as_json=as_json)


def _go(settings: Settings, owning: Owning, loop: Loop, until: StepName | None, *, as_json: bool) -> Loop:
    """Step by step, as far as it is approved and gates let it."""
    from freehold.app.owning_costs import cost_of  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.own_shown import tell_next, tell_record  # noqa: PLC0415

    while (step := loop.next) is not None and loop.record(step).state != "refused":
        approved = until is not None and STEPS.index(step) <= STEPS.index(until)
        if not as_json:
            tell_next(loop, step, cost_of(settings, loop, step))
        if not approved and not _asked(step, as_json=as_json):
            break
        loop = owning.carry_on(loop, step)
        if loop.record(step).state != "passed":
            break
        if not as_json:
            tell_record(loop, step)
    return loop


def _asked(step: StepName, *, as_json: bool) -> bool:
    """Whether somebody at the terminal says yes."""
    if as_json or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    return typer.confirm(f"Do `{step}` now?", err=True)


def _end(settings: Settings, loop: Loop, *, as_json: bool) -> None:
    from freehold.app.owning_costs import cost_of  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.own_shown import facts_of  # noqa: PLC0415 - imported when something is shown

    step, route = loop.next, loop.wish.route
    if as_json:
        write_json({**facts_of(loop), "takes": None if step is None else cost_of(settings, loop, step)})
    if step is None:
        if not as_json:
            write(f"own/{plain(loop.wish.name)}\n")
            say(f"`freehold rollout status {route}` shows how the route moves to it.")
        return
    record = loop.record(step)
    again = f"`freehold own {route} --yes-until {step}`"
    if record.state == "refused":
        say(fold(f"The gate of `{step}` refused: {record.told}"))
        say(f"`freehold own {route} --back-to STEP` does steps again, with other options if you tell them.")
        raise typer.Exit(REFUSED)
    if record.state == "failed":
        say(fold(f"The step `{step}` failed: {record.told}"))
        say(f"{again} tries it again; other options for it may be told.")
        raise typer.Exit(REFUSED)
    if record.state in {"running", "stopped"}:
        say(f"`{step}` was stopped. {again} goes on with it.")
        raise typer.Exit(REFUSED)
    say(f"`{step}` waits for your approval: `freehold own {route} --yes-until {step}`.")
    raise typer.Exit(WAITS)


def _show_status(settings: Settings, owning: Owning, *, as_json: bool) -> None:
    from freehold.app.owning_costs import cost_of  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.own_shown import facts_of, tell_loop  # noqa: PLC0415 - imported when something is shown

    loop = owning.read()
    if loop is None:
        if as_json:
            write_json({"route": owning.route, "steps": []})
            return
        say(f"No loop of `{owning.route}` was begun. `freehold own {owning.route} --suite SUITE` begins one.")
        return
    if as_json:
        write_json({**facts_of(loop), "takes": cost_of(settings, loop, loop.next) if loop.next else None})
    else:
        tell_loop(loop)


def _step(text: str | None, option: str) -> StepName | None:
    if text is None:
        return None
    for step in STEPS:
        if step == text:
            return step
    raise BadRequest(
        f"`{option} {text[:30]}` names no step.",
        hint=did_you_mean(text, STEPS) or f"They are {one_of(STEPS)}.",
    )


def _also(texts: list[str] | None) -> dict[StepName, tuple[str, ...]] | None:
    if texts is None:
        return None
    words: dict[StepName, tuple[str, ...]] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        step = _step(name, "--also")
        if not equals or step is None:
            raise BadRequest(f"`{text[:50]}` names no words.", hint="As `--also 'data=--accept unchecked'`.")
        try:
            words[step] = (*words.get(step, ()), *shlex.split(rest))
        except ValueError as error:
            raise BadRequest(f"`{text[:50]}` cannot be read: {error}.", hint="Close every quote.") from None
    return words
