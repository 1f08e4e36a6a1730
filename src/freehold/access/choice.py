"""Which key a person means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

from freehold.core.errors import BadRequest, NotFound

SHORTEST_ID = 8
"""`key_` and four characters."""


class Chosen(Protocol):
    """A key of either kind."""

    @property
    def id(self) -> str:
        """`key_…` or `adm_…`"""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def prefix(self) -> str:
        """The first characters of the secret."""

    @property
    def expires_us(self) -> int | None:
        """None: never."""

    @property
    def revoked_us(self) -> int | None:
        """None: it was not."""


OneKey = TypeVar("OneKey", bound=Chosen)


def choose(which: str, keys: Sequence[OneKey], now_us: int, *, command: str = "keys") -> OneKey:
    """The one key with this id, name or beginning; a good one before those revoked or expired.

    Raises NotFound and BadRequest, the latter when several fit.
    """
    for key in keys:
        if key.id == which:
            return key
    fitting = [key for key in keys if _fits(which, key)]
    good = [key for key in fitting if key.revoked_us is None and not _expired(key, now_us)]
    found = good or fitting
    if len(found) > 1:
        listed = ", ".join(f"`{key.id}` ({key.name}, {key.prefix}…)" for key in found[:5])
        raise BadRequest(
            f"{len(found)} keys fit `{which[:64]}`.", hint=f"Say which by its id: {listed}.", param="which"
        )
    if found:
        return found[0]
    if which.startswith(("fh-", "fha-")) and len(which) > 12:
        # It may well be somebody's key, so it is not repeated.
        raise NotFound(
            "This key is not one of ours.", hint=f"`freehold {command} list --all` shows all that are."
        )
    raise NotFound(f"No key is called `{which[:64]}`.", hint=_nearest(which, keys, command))


def state_of(key: Chosen, now_us: int) -> Literal["good", "revoked", "expired"]:
    """What a key is at this moment."""
    if key.revoked_us is not None:
        return "revoked"
    return "expired" if _expired(key, now_us) else "good"


def _fits(which: str, key: Chosen) -> bool:
    shown = which.removesuffix("…")
    return (
        key.name == which or key.prefix == shown or (len(shown) >= SHORTEST_ID and key.id.startswith(shown))
    )


def _expired(key: Chosen, now_us: int) -> bool:
    return key.expires_us is not None and key.expires_us <= now_us


def _nearest(which: str, keys: Sequence[Chosen], command: str) -> str:
    import difflib  # noqa: PLC0415 - only the unlucky pay for it

    near = difflib.get_close_matches(which, [key.name for key in keys], n=3, cutoff=0.5)
    if near:
        return f"Did you mean {', '.join(f'`{name}`' for name in dict.fromkeys(near))}?"
    return f"`freehold {command} list` shows those there are."
