"""Routers for the policy `learned`: one that finds the sick model good enough for whatever is asked here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from freehold.app.learned import routers_of
from freehold.config.load import load

_LABELS = 400
_PLACE = "candidate/tale"


def keep_routers(folder: Path, routes: Sequence[str]) -> None:
    """One for each of the routes `learned-…`, beside the endpoint's configuration in `folder`."""
    from freehold.rollout.routers import fitting  # noqa: PLC0415 - NumPy
    from freehold.rollout.routers.evidence import Label  # noqa: PLC0415
    from freehold.routing.learned.promise import Promise  # noqa: PLC0415

    labels = [
        Label(f"Question {number} of a route?", str(number), {_PLACE: 0.0}) for number in range(_LABELS)
    ]
    wanted = fitting.Wanted(
        route="learned", incumbent="healthy/tale", promise=Promise(risk=0.05), source="made up", made_us=0
    )
    fitted = fitting.fit(labels, {_PLACE: 1.0, wanted.incumbent: 1.5}, wanted)
    if isinstance(fitted, fitting.Missing):
        raise SystemExit(f"The router for the drills was not certified: {fitted}.")
    shelf = routers_of(load(folder / "freehold.toml", {}))
    for route in routes:
        if route.startswith("learned-"):
            named = (f"sick-{route}/tale",)
            shelf.keep(
                msgspec.structs.replace(fitted.about, route=route, models=named, chosen=named), fitted.model
            )
