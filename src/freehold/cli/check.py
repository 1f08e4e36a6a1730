"""`freehold check`: is the configuration right, and what would it do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.failure import YOURS
from freehold.cli.options import AsJson, Config
from freehold.cli.output import Column, Listing, fold, in_colour, plain, say, write, write_json
from freehold.cli.waiting import waiting
from freehold.core.figures import counted

if TYPE_CHECKING:
    from freehold.config.check import Report
    from freehold.config.live import Answer
    from freehold.config.problems import Finding
    from freehold.config.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "info": typer.colors.CYAN}


@app.command()
def check(
    *,
    live: Annotated[bool, typer.Option("--live", help="Ask each provider for its models too.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Validate the configuration and say what it would do.

    Changes nothing. Exit status 1 when the endpoint would not start, or with --live when a provider
    cannot be asked.
    """
    from freehold.config.check import check as examine  # noqa: PLC0415 - imported when the command runs
    from freehold.config.load import find_file  # noqa: PLC0415

    path = find_file(config, os.environ, Path.cwd())
    report = examine(path, os.environ)
    answers = _ask_all(report.settings) if live and report.settings is not None else ()
    told = [*report.findings, *(finding for answer in answers for finding in answer.findings)]
    wrong = any(finding.level == "error" for finding in told)
    if as_json:
        write_json(_as_json(report, answers, told, good=not wrong))
    else:
        _show(report, answers, told)
    if wrong:
        raise typer.Exit(YOURS)


def _ask_all(settings: Settings) -> tuple[Answer, ...]:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.config.live import ask_providers  # noqa: PLC0415

    async def list_models(provider: str) -> list[str]:
        return await freehold.list_provider_models(settings, provider)

    with waiting("Asking the providers"):
        return asyncio.run(ask_providers(settings, list_models))


def _show(report: Report, answers: tuple[Answer, ...], told: list[Finding]) -> None:
    write(f"configuration  {report.path or 'none: the defaults hold'}\n")
    settings = report.settings
    if settings is not None:
        server = settings.server
        reach = "this machine only" if server.loopback else "other machines too"
        write(f"data           {settings.data}\n")
        write(fold(f"listens on     {server.host}:{server.port} ({reach})", indent=15) + "\n")
        for label, said in _beyond(settings):
            write(fold(f"{label:<15}{plain(said)}", indent=15) + "\n")
        write("\n")
        _show_providers(report, answers)
        _show_routes(report)
    for finding in told:
        _show_finding(finding)
    errors = sum(finding.level == "error" for finding in told)
    warnings = sum(finding.level == "warning" for finding in told)
    say(
        f"{counted(errors, 'error')}, {counted(warnings, 'warning')}."
        if errors or warnings
        else "All is well."
    )


def _beyond(settings: Settings) -> Iterable[tuple[str, str]]:
    """What is configured beyond what everybody has. No secret is among it: references stand for addresses."""
    if settings.server.workers > 1:
        yield "workers", f"{settings.server.workers}"
    if settings.database is not None:
        yield "database", str(settings.database)
    if settings.shared_url is not None:
        yield "shared", f"Valkey or Redis at {settings.shared_url.source}"
    if settings.limits:
        yield "limits", ", ".join(settings.limits)
    if settings.collector is not None:
        literal = settings.collector.url.source == "telemetry.url"
        yield "collector", settings.telemetry.url or "" if literal else settings.collector.url.source
    if settings.admin.enabled:
        ports = [settings.admin.listen, "the endpoint's own port" if settings.admin.on_data_port else None]
        yield "admin API", " and ".join(port for port in ports if port)


def _show_providers(report: Report, answers: tuple[Answer, ...]) -> None:
    lists = {answer.provider: answer for answer in answers}
    listing = Listing(
        [
            Column("PROVIDER", width=24),
            Column("ADDRESS", width=48, rank=3),
            Column("KEY FROM", width=32, rank=4),
            Column("ROUTES", width=32, rank=5),
            *([Column("MODELS", right=True)] if answers else []),
        ]
    )
    rows = []
    for one in report.providers:
        row = [one.name, one.url or "embedded", one.key or "no key", ", ".join(one.routes) or "-"]
        if answers:
            row.append(_listed(lists.get(one.name)))
        rows.append(row)
    listing.write(rows)
    write("\n")


def _listed(answer: Answer | None) -> str:
    if answer is None:
        return "-"
    return "?" if answer.models is None else f"{len(answer.models):,}"


def _show_routes(report: Report) -> None:
    has_policies = any(target.policy for route in report.routes for target in route.targets)
    listing = Listing(
        [
            Column("ROUTE", width=24),
            Column("MODEL", width=48),
            *([Column("POLICY", rank=5)] if has_policies else []),
            Column("PRICED BY", width=48, rank=3),
            Column("BODIES", rank=4),
        ]
    )
    rows = []
    for route in report.routes:
        for place, target in enumerate(route.targets):
            first = place == 0
            kept = "kept" if route.keep_bodies else "not kept"
            name = route.name if first else "  then"
            policy = [target.policy or ""] if has_policies else []
            rows.append((name, target.model, *policy, target.price or "unknown", kept if first else ""))
    listing.write(rows)
    write("\n")


def _show_finding(finding: Finding) -> None:
    level = typer.style(finding.level, fg=_COLOURS[finding.level]) if in_colour() else finding.level
    place = f"{finding.where}: " if finding.where else ""
    text = fold(f"{finding.level}: {plain(place + finding.message)}", indent=2)
    write(level + text.removeprefix(finding.level) + "\n")
    if finding.hint:
        write(fold(f"  -> {plain(finding.hint)}", indent=5) + "\n")


def _as_json(
    report: Report, answers: tuple[Answer, ...], told: Iterable[Finding], *, good: bool
) -> dict[str, object]:
    settings = report.settings
    return {
        "good": good,
        "config": str(report.path) if report.path else None,
        "data": str(settings.data) if settings else None,
        "listens_on": f"{settings.server.host}:{settings.server.port}" if settings else None,
        "beyond": {label.lower().replace(" ", "_"): said for label, said in _beyond(settings)}
        if settings
        else {},
        "providers": report.providers,
        "routes": report.routes,
        "answers": [{"provider": answer.provider, "models": answer.models} for answer in answers],
        "findings": list(told),
    }
