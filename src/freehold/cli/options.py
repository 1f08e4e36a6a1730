"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration. Else FREEHOLD_CONFIG, else freehold.toml in this folder, else defaults.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]
Utc = Annotated[bool, typer.Option("--utc", help="Times in UTC instead of local time.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="From then on: `2h` ago, `today`, `2026-01-31`, `2026-01-31T10:00`."),
]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="Before then; written like --since.")]
