"""`freehold train plan`: what making, teaching or serving a model would take, before anything is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from freehold.cli.options import AsJson
from freehold.cli.output import Column, Listing, write_json
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.train.planning.architecture import Architecture

_ASKED = "?"


def plan(
    *,
    params: Annotated[
        str | None,
        typer.Option("--params", metavar="N", help="Parameters, such as `500B`: a usual shape is made up."),
    ] = None,
    active: Annotated[
        str | None,
        typer.Option(
            "--active", metavar="N", help="With --params: those that work on a token; experts are made up."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="A known architecture instead. `?` lists them."),
    ] = None,
    tokens: Annotated[
        str | None, typer.Option("--tokens", metavar="N", help="To learn from, such as `10T`.")
    ] = None,
    gpu: Annotated[
        str, typer.Option("--gpu", metavar="CHIP", help="What it runs on. `?` lists them.")
    ] = "h100",
    count: Annotated[str, typer.Option("--count", metavar="N", help="How many chips.")] = "1",
    context: Annotated[str, typer.Option("--context", metavar="TOKENS", help="Of one sequence.")] = "8192",
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="N",
            help="Tokens of a step; when serving, answers at once. Default: usual for the size; as many as fit.",
        ),
    ] = None,
    precision: Annotated[
        Literal["bf16", "fp8"], typer.Option("--precision", help="Of the products of matrices.")
    ] = "bf16",
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout",
            metavar="LAYOUT",
            help="Reckon with this one, as `dp=64,tp=8,pp=16`. Default: the fastest that fits.",
        ),
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option(
            "--serve",
            metavar="MODEL",
            help="Plan for serving it instead: an architecture, or a size as `70B`.",
        ),
    ] = None,
    weights: Annotated[
        Literal["bf16", "fp8", "q8_0", "q5_k_m", "q4_k_m", "q4_0", "int4"],
        typer.Option("--weights", help="With --serve: how they are kept."),
    ] = "bf16",
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", metavar="TOKENS", help="When serving or reasoning: of a question."),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(
            "--answer", metavar="TOKENS", help="When serving or reasoning: of an answer, on average."
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", metavar="STEPS", help="Plan for so many steps of learning to reason instead."
        ),
    ] = None,
    longest: Annotated[
        str | None,
        typer.Option("--longest", metavar="TOKENS", help="With --reason: where answers are cut."),
    ] = None,
    questions: Annotated[
        int, typer.Option("--questions", metavar="N", help="With --reason: of a step.")
    ] = 32,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="With --reason: answers to each question.")
    ] = 16,
    at_once: Annotated[
        int,
        typer.Option("--at-once", metavar="STEPS", help="With --reason: whose answers are written together."),
    ] = 16,
    group: Annotated[
        int | None,
        typer.Option(
            "--group", metavar="N", help="With --reason: chips that hold the model while it answers."
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option("--price", min=0, metavar="DOLLARS", help="An hour of one chip. Default: a listed one."),
    ] = None,
    pue: Annotated[
        float,
        typer.Option(
            "--pue", min=1, max=5, help="What the data centre takes for each watt-hour of machines."
        ),
    ] = 1.2,
    mtbf: Annotated[
        float | None,
        typer.Option(
            "--mtbf",
            min=0.01,
            metavar="HOURS",
            help="Of one chip to a failure. Default: as Llama 3.1's run saw.",
        ),
    ] = None,
    restart: Annotated[
        float | None,
        typer.Option(
            "--restart", min=0, metavar="MINUTES", help="From a failure to the next step. Default: 12."
        ),
    ] = None,
    published: Annotated[
        bool,
        typer.Option("--published", help="Set the planner beside runs whose cost was published, and end."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what making a model would take, before you pay.

    FLOPs, memory of a device, the layout that is fastest, days, energy, money, and what failures cost. With --serve,
    what serving one would take: tokens a second beside what the memory's bandwidth allows, and money for a million
    tokens. With --reason, what reinforcement learning of reasoning would take. Nothing is trained, and nobody is asked.
    What it rests on, and how near it comes to runs whose cost was published: `docs/planning.md`.
    """
    from freehold.cli import train_plan_shown as shown  # noqa: PLC0415 - imported when the command runs
    from freehold.train.planning.chip import chip_of  # noqa: PLC0415
    from freehold.train.planning.quantity import read_quantity  # noqa: PLC0415

    if published:
        shown.published(as_json=as_json)
        return
    if _ASKED in (gpu, preset, serve):
        _list(chips=gpu == _ASKED, as_json=as_json)
        return
    chip = chip_of(gpu)
    number = read_quantity(count, "chips")
    if serve is not None:
        from freehold.train.planning.serving import Served  # noqa: PLC0415
        from freehold.train.planning.serving import serve as serving_of  # noqa: PLC0415

        found = serving_of(
            Served(
                model=_served(serve, active),
                chip=chip,
                count=number,
                weights=weights,
                batch=None if batch is None else read_quantity(batch, "answers"),
                prompt=read_quantity(prompt or "1000", "tokens"),
                answer=read_quantity(answer or "500", "tokens"),
                price=price,
            )
        )
        shown.serving(found, as_json=as_json)
        return
    model = _model(params, active, preset)
    if reason is not None:
        from freehold.train.planning.reasoning import Lessons, teach  # noqa: PLC0415

        if answer is None:
            raise BadRequest(
                "How long answers become decides what learning to reason costs.",
                hint="Tell `--answer`, such as `--answer 6000 --longest 32768`.",
            )
        average = read_quantity(answer, "tokens")
        taught = teach(
            Lessons(
                model=model,
                chip=chip,
                count=number,
                steps=read_quantity(reason, "steps"),
                questions=questions,
                samples=samples,
                at_once=at_once,
                prompt=read_quantity(prompt or "300", "tokens"),
                answer=average,
                longest=average * 4 if longest is None else read_quantity(longest, "tokens"),
                group=group or min(number, chip.domain),
                precision=precision,
                price=price,
                pue=pue,
            )
        )
        shown.teaching(taught, as_json=as_json)
        return
    if tokens is None:
        raise BadRequest("How much is to be learned from?", hint="Tell `--tokens`, such as `--tokens 10T`.")
    from freehold.train.planning.constants import DEVICE_HOURS_PER_FAILURE, RESTART_SECONDS  # noqa: PLC0415
    from freehold.train.planning.named_layout import read_layout  # noqa: PLC0415
    from freehold.train.planning.training import Wanted, plan_of  # noqa: PLC0415

    wanted = Wanted(
        model=model,
        tokens=read_quantity(tokens, "tokens"),
        chip=chip,
        count=number,
        context=read_quantity(context, "tokens"),
        batch=None if batch is None else read_quantity(batch, "tokens"),
        precision=precision,
        layout=None if layout is None else read_layout(layout).as_layout(model),
        price=price,
        pue=pue,
        device_hours=DEVICE_HOURS_PER_FAILURE if mtbf is None else mtbf,
        restart=RESTART_SECONDS if restart is None else restart * 60,
    )
    shown.training(plan_of(wanted), as_json=as_json)


def _model(params: str | None, active: str | None, name: str | None) -> Architecture:
    from freehold.train.planning.architecture import preset  # noqa: PLC0415
    from freehold.train.planning.quantity import read_quantity  # noqa: PLC0415
    from freehold.train.planning.shape import shape_for  # noqa: PLC0415

    if (params is None) == (name is None):
        raise BadRequest(
            "What is the model to be?",
            hint="Tell either `--params 500B` or `--preset llama-3.1-405b`; `--preset ?` lists those.",
        )
    if name is not None:
        if active is not None:
            raise BadRequest("A preset knows how many of its parameters are active.", hint="Drop `--active`.")
        return preset(name)
    assert params is not None
    working = None if active is None else read_quantity(active, "parameters")
    return shape_for(read_quantity(params, "parameters"), working)


def _served(model: str, active: str | None) -> Architecture:
    """A name, or a size where it begins with a digit."""
    return _model(model, active, None) if model[:1].isdigit() else _model(None, active, model)


def _list(*, chips: bool, as_json: bool) -> None:
    from freehold.cli import train_plan_shown as shown  # noqa: PLC0415
    from freehold.train.planning.architecture import presets  # noqa: PLC0415
    from freehold.train.planning.quantity import show_quantity  # noqa: PLC0415

    if chips:
        shown.chips(as_json=as_json)
        return
    if as_json:
        for one in presets().values():
            write_json(one)
        return
    columns = [Column("NAME"), Column("PARAMETERS", right=True), Column("ACTIVE", right=True), Column("FROM")]
    Listing(columns).write(
        (one.name, show_quantity(one.parameters), show_quantity(one.active), one.source)
        for one in presets().values()
    )
