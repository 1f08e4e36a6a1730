"""Which key a person means."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.access.key import Key
from freehold.core.errors import BadRequest, NotFound

SHORTEST_ID = 8
"""`key_` and four characters."""


def choose(which: str, keys: Sequence[Key], now_us: int) -> Key:
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
    if which.startswith("fh-") and len(which) > 12:
        # It may well be somebody's key, so it is not repeated.
        raise NotFound("This key is not one of ours.", hint="`freehold keys list --all` shows all that are.")
    raise NotFound(f"No key is called `{which[:64]}`.", hint=_nearest(which, keys))


def _fits(which: str, key: Key) -> bool:
    shown = which.removesuffix("…")
    return (
        key.name == which
        or key.prefix == shown
        or (len(shown) >= SHORTEST_ID and shown.startswith("key_") and key.id.startswith(shown))
    )


def _expired(key: Key, now_us: int) -> bool:
    return key.expires_us is not None and key.expires_us <= now_us


def _nearest(which: str, keys: Sequence[Key]) -> str:
    import difflib  # noqa: PLC0415 - only the unlucky pay for it

    near = difflib.get_close_matches(which, [key.name for key in keys], n=3, cutoff=0.5)
    if near:
        return f"Did you mean {', '.join(f'`{name}`' for name in dict.fromkeys(near))}?"
    return "`freehold keys list` shows those there are."
