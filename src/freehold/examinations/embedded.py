"""The embedded models: their files are there and whole."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.core.figures import size
from freehold.examinations.finding import Finding, broken, good, notice
from freehold.providers.local.models import MODELS, LocalModel, weights_of


def examine_embedded_models(named: frozenset[str]) -> Iterator[Finding]:
    """Each model. One that is `named` by a route (`local/…`) is needed."""
    for model in MODELS.values():
        yield _examine(model, needed=model.id in named)


def _examine(model: LocalModel, *, needed: bool) -> Finding:
    name = model.id
    step = "`make up` installs it; docs/local-models.md says how to do it by hand."
    path = weights_of(model)
    if path is None:
        return (broken if needed else notice)(
            name, f"not installed (it takes {', '.join(model.packages)})", step
        )
    found = path.stat().st_size
    if found != model.weights_bytes:
        return broken(name, f"{path} holds {found:,} bytes instead of {model.weights_bytes:,}", step)
    return good(name, f"{path.name}, {size(found)}")
