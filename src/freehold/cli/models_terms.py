"""`freehold models terms`: whether models may be trained on a model's answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.cli.options import Config
from freehold.cli.output import Column, Listing, fold, plain, say, write, write_json

if TYPE_CHECKING:
    from freehold.catalog.terms.terms import Terms


def show_terms(model: str | None, config: Config, *, as_json: bool) -> None:
    """Print what the terms say of one model, or of all that are named in the configuration."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.terms import known_of  # noqa: PLC0415
    from freehold.catalog.terms.finding import terms_of  # noqa: PLC0415

    settings = freehold.settings_from(config)
    known, today = known_of(settings), datetime.now(tz=UTC).date()
    names = [target.name for target in settings.models()] if model is None else [model]
    found = [(name, terms_of(name, today, known=known)) for name in names]
    if as_json:
        for name, terms in found:
            write_json(_as_json(name, terms))
    elif model is not None:
        _tell(model, found[0][1])
    elif not found:
        say("No model is named. Name one: `freehold models terms PROVIDER/NAME`.")
    else:
        _list(found)


def _as_json(name: str, terms: Terms) -> dict[str, Any]:
    return {"model": name, **msgspec.structs.asdict(terms)}


def _list(found: list[tuple[str, Terms]]) -> None:
    listing = Listing(
        [
            Column("MODEL", width=44),
            Column("TRAINING", least=11),
            Column("TERMS OF", width=28, rank=3),
            Column("READ", rank=4),
            Column("BECAUSE", width=72, rank=2),
        ]
    )
    listing.write(
        (
            name,
            terms.verdict,
            terms.holder,
            "-" if terms.read_on is None else terms.read_on.isoformat(),
            terms.condition or terms.summary,
        )
        for name, terms in found
    )


def _tell(name: str, terms: Terms) -> None:
    lines = [f"Training on the answers of {name}: {terms.verdict}"]
    for part in terms.parts or (terms,):
        lines.append(f"  {part.holder}: {part.summary}")
        if part.condition is not None:
            lines.append(f"  Condition: {part.condition}")
        if part.source is not None:
            read = "not read" if part.read_on is None else f"read on {part.read_on}"
            since = "" if part.since is None else f", in force since {part.since}"
            lines.append(f"  {part.source} ({read}{since})")
        if part.quoted:
            lines.append("  Only quotations of the text by others could be read.")
    write("\n".join(fold(plain(line), indent=2) for line in lines) + "\n")
    say("A reading by laymen, and no legal advice.")
