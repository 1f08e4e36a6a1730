"""Who may come in: the administrator's key that a request shows. Nothing of the API is told to anybody else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from freehold.access.admin_keys import AdminKey, AdminKeys
from freehold.core.errors import Forbidden, FreeholdError, Overloaded, Unauthorized

_MOST_ADDRESSES = 10_000
"""Of which wrong keys are remembered; the one that was heard of longest ago is forgotten first."""


class TooManyWrongKeys(FreeholdError):
    """Somebody is guessing."""

    status = 429
    code = "too_many_wrong_keys"


class Door:
    """Lets administrators in, and slows down whoever shows wrong keys: once the first are used up, the database is
    asked about one a second. Good keys are heard all the same, or anybody could shut out whoever comes from the same
    address; guessing 256 bits is hopeless at any speed.
    """

    def __init__(self, keys: AdminKeys, tick: Callable[[], float], *, burst: int) -> None:
        """`burst`: wrong keys that one address may show at once. `tick` is monotonic time in seconds."""
        self._keys = keys
        self._tick = tick
        self._burst = float(burst)
        self._guesses: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Address -> how many more it may show, and as of when."""

    async def let_in(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        address: str,
        wait_for: Callable[[Callable[[], None]], Awaitable[None]],
    ) -> AdminKey:
        """The key that is shown. `wait_for` does in a thread what waits for the database.

        Raises Unauthorized, TooManyWrongKeys, Overloaded.
        """
        token = _token_in(headers)
        if token is None:
            raise Unauthorized(
                "No administrator's key was given.",
                hint="Send `authorization: Bearer fha-…`; `freehold admin-keys create` makes one.",
            )
        if self._keys.is_stale:
            await wait_for(self._keys.refresh)
        key = self._keys.known(token)
        if key is not None:  # from whatever address: behind a proxy all have the same one
            return key
        if self._left(address) < 1.0:
            raise TooManyWrongKeys("Too many wrong keys came from this address.", hint="Wait some seconds.")
        self._count(address)
        if token.startswith(b"fha-"):
            await wait_for(lambda: self._keys.refresh(again=True))  # it may have been made a moment ago
            key = self._keys.known(token)
            if key is not None:
                return key
            if self._keys.problem is not None and not self._keys.ever_read:
                raise Overloaded("The keys cannot be read now.", hint="Try again in a moment.")
        raise Unauthorized(
            "The key is no administrator's, or is revoked or expired.",
            hint="`freehold admin-keys list` shows those there are. Keys of the endpoint are not good here.",
        )

    def _left(self, address: str) -> float:
        found = self._guesses.get(address)
        if found is None:
            return self._burst
        left, since = found
        return min(self._burst, left + self._tick() - since)

    def _count(self, address: str) -> None:
        self._guesses[address] = (self._left(address) - 1.0, self._tick())
        self._guesses.move_to_end(address)
        if len(self._guesses) > _MOST_ADDRESSES:
            self._guesses.popitem(last=False)


def check_role(key: AdminKey, allowed: bool, least: str) -> None:
    """Raises Forbidden."""
    if not allowed:
        raise Forbidden(
            f"This takes the role `{least}`, and the key has `{key.role}`.",
            hint=f"`freehold admin-keys create NAME --role {least}` makes one that is good for it.",
        )


def _token_in(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            return token.strip() if scheme.lower() == b"bearer" and token.strip() else None
    return None
