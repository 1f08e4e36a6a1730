"""`freehold compare report`: a comparison as one HTML file, or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli.options import AsJson, Config
from freehold.cli.output import plain, say, write, write_json
from freehold.core.errors import BadRequest
from freehold.core.figures import size


def report_comparison(
    which: Annotated[str, typer.Argument(help="Its id, or a beginning of it.", metavar="ID")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it. Default: ID.html, here."),
    ] = None,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write a report on a comparison: one HTML file that needs no network to be read.

    It has the verdicts in plain words, how they came about, quality against cost, the cases that tell most, and what a
    month would save. It contains questions and answers of the suite: mind whom you give it to.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.reporting import report_on, write_page  # noqa: PLC0415

    if as_json and (output is not None or opened):
        raise BadRequest(
            "`--json` prints the report, and writes no page.", hint="Use it without `-o` and `--open`."
        )
    report = report_on(freehold.settings_from(config), which)
    if as_json:
        write_json(report)
        return
    path = output or Path(f"{report.comparison}.html")
    written = write_page(report, path)
    write(f"{plain(str(path))}\n")
    say(f"{size(written)}, complete in itself: no network is needed to read it.")
    if opened:
        import webbrowser  # noqa: PLC0415 - only for this

        if not webbrowser.open(path.resolve().as_uri()):
            say("There is no browser to open it with.")
