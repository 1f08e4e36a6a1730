"""What can be wrong with a local model, and what to do about it."""

from __future__ import annotations

from freehold.core.errors import BadRequest, Overloaded, ProviderUnreachable
from freehold.core.figures import size


class ModelAbsent(ProviderUnreachable):
    """The model's file is not there, or the packages that carry or run it are not installed."""

    code = "local_model_absent"

    def __init__(self, model: str, *, file: str | None = None) -> None:
        """`model` is its id; `file` is where its weights should be, when no package carries them."""
        if file is None:
            said = f"`{model}` is not installed."
            hint = "`make up` installs it; `docs/local-models.md` says how to do it by hand."
        else:
            said = f"`{model}` cannot be loaded: the file `{file}` is not there, or `xllamacpp` is not installed."
            hint = "Put the file back, or take the model out of `freehold.toml`; `freehold doctor` looks at both."
        super().__init__(said, provider=model.partition("/")[0], hint=hint)


class ModelDamaged(ProviderUnreachable):
    """The model's file is no model, or only a part of one."""

    code = "local_model_damaged"

    def __init__(self, model: str, file: str, damage: str) -> None:
        """`damage` goes on from the file's name: `is cut off …`."""
        super().__init__(
            f"`{model}` cannot be loaded: the file `{file}` {damage}.",
            provider=model.partition("/")[0],
            hint="Copy it again from where it is whole; its size and checksum tell.",
        )


class ModelDown(ProviderUnreachable):
    """The model's worker does not run: it could not start, or it keeps dying."""

    code = "local_model_down"

    def __init__(self, model: str, reason: str, *, log: str) -> None:
        """`log` is the file that holds what the worker said."""
        self.reason = reason
        self.log = log
        super().__init__(
            f"`{model}` does not run: {reason}.",
            provider=model.partition("/")[0],
            hint=f"Its own words are in `{log}`.",
        )


class ModelTooLarge(ProviderUnreachable):
    """The model takes more memory than all local models together may."""

    code = "local_model_too_large"

    def __init__(self, model: str, *, need: int, memory: int) -> None:
        """Both in bytes."""
        self.need = need
        self.memory = memory
        super().__init__(
            f"`{model}` takes about {size(need)}, and local models together may take {size(memory)}.",
            provider=model.partition("/")[0],
            hint="Give it a smaller `context` or fewer `slots`, or allow more with `memory` in `[local]`.",
        )


class NoRoom(Overloaded):
    """The models that are loaded are all answering, and the one that is asked for does not fit beside them."""

    code = "local_model_no_room"

    def __init__(self, model: str, *, need: int, memory: int, others: tuple[str, ...]) -> None:
        """`others`: those that are loaded."""
        self.need = need
        self.memory = memory
        self.others = others
        busy = ", ".join(f"`{one}`" for one in others) or "Others"
        super().__init__(
            f"`{model}` takes about {size(need)} of the {size(memory)} for local models, "
            f"and {busy} are still answering.",
            hint="Try again, or allow more with `memory` in `[local]`.",
        )


class ContextExceeded(BadRequest):
    """The request has more tokens than the model can take in."""

    code = "context_length_exceeded"
