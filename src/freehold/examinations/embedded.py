"""The models of this machine: their files are there and whole, and there is memory for them."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.config.settings import Settings
from freehold.core.figures import size
from freehold.examinations.finding import Finding, broken, good, notice
from freehold.providers.local.gguf import Malformed, check_whole
from freehold.providers.local.memory import need_of, usual_memory
from freehold.providers.local.models import MODELS, LocalModel, weights_of

_AGAIN = "Put the file there again, from where it is whole; docs/local-models.md tells of both."


def examine_embedded_models(named: frozenset[str]) -> Iterator[Finding]:
    """Each model. One that is `named` by a route (`local/…`) is needed."""
    for model in MODELS.values():
        yield _examine(model, needed=model.id in named)


def examine_files_of_models(settings: Settings, named: frozenset[str]) -> Iterator[Finding]:
    """Own models, and GGUF files of the configuration. One that is `named` by a route is needed."""
    memory = settings.local.memory or usual_memory()
    for id_, model in settings.served_here().items():
        if id_ in MODELS:
            continue
        ill = broken if id_ in named else notice
        path = weights_of(model)
        if path is None:
            yield ill(id_, f"`{model.weights}` is not there, or xllamacpp is not installed", _AGAIN)
            continue
        try:
            check_whole(path)
            need = need_of(model, path)
        except (OSError, Malformed) as error:
            yield ill(id_, f"{path} {error}", _AGAIN)
            continue
        if need > memory:
            step = "Give it a smaller `context` or fewer `slots`, or allow more with `memory` in `[local]`."
            yield ill(id_, f"takes about {size(need)}, and local models may take {size(memory)}", step)
        else:
            yield good(id_, f"{path.name}, takes about {size(need)} of {size(memory)} when it is loaded")


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
