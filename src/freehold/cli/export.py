"""`freehold export`: a run's model as a file that the local runtime serves, proved before it is let in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli.measures import Share
from freehold.cli.options import AsJson, Config
from freehold.cli.output import write_json
from freehold.train.export.order import MARGIN, QUESTIONS

app = typer.Typer(rich_markup_mode=None, add_completion=False)

REFUSED = 1
"""Exit status: the file is worse than the margin allows, or broken."""
NOT_ENOUGH = 3
"""Exit status: there is too little evidence that it is not."""


@app.command()
def export(
    run: Annotated[
        str, typer.Argument(help="A run's id or the beginning of it, or its name.", metavar="RUN")
    ],
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="`gguf:q8_0`, or of GGUF `f16`, `q6_k`, `q5_k_m`, `q4_k_m`, `q4_1`, `q4_0`, `q3_k_m`, `q2_k`; `hf`.",
        ),
    ] = "gguf:q8_0",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The model is to be called `own/NAME`.")
    ],
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            metavar="SUITE",
            help="Whose cases it is proved on, instead of the held-out rows of the run's dataset.",
        ),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            click_type=Share(min=0.001, max=0.9),
            help="How much worse than the trained model it may be: in score, perplexity, and tokens written otherwise.",
        ),
    ] = MARGIN,
    questions: Annotated[
        int,
        typer.Option(min=2, metavar="N", help="Questions at the most; fewer are asked where fewer decide."),
    ] = QUESTIONS,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="A GGUF file that other tools made of the run's model: it is proved in place of one of ours.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    only_prove: Annotated[
        bool, typer.Option("--only-prove", help="Make nothing of it, whatever the proof says.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a file of a trained model, and prove that it is as good.

    The same prompts go through the trained, the merged, the exported and the served form. What passes is `own/NAME`,
    which the local runtime serves; what is worse than the margin allows is refused with the evidence, and nothing is
    made of it. As `hf`, the merged model is written for others' tools, into `exported/NAME` of the data folder. Exit 1:
    refused. Exit 3: too little evidence.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.exporting import export_run  # noqa: PLC0415
    from freehold.cli.export_shown import tell  # noqa: PLC0415
    from freehold.cli.waiting import waiting  # noqa: PLC0415
    from freehold.train.export.forms import form_of  # noqa: PLC0415

    form = form_of(to)
    done = export_run(
        freehold.settings_from(config),
        run,
        form,
        name,
        file=file,
        suite=suite,
        margin=margin,
        questions=questions,
        only_prove=only_prove,
        watch=waiting,
    )
    if as_json:
        write_json(done.proof)
    else:
        tell(done)
    if done.proof.decision != "passes":
        raise typer.Exit(REFUSED if done.proof.decision == "refused" else NOT_ENOUGH)
