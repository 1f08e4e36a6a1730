"""What is left of the providers' own limits, as far as they have told.

A quota is an account's: several models, and several entries of the configuration, may share one. Pure: the time is
given.
"""

from __future__ import annotations

from freehold.core.allowance import Allowance

_FIRST_BLOCK = 0.5
_LONGEST_BLOCK = 30.0
"""Seconds, about, for which a quota is left alone whose refusals do not say for how long."""


class _Quota:
    __slots__ = (
        "allowance",
        "blocked_until",
        "noted",
        "refusals",
        "requests_since",
        "tokens_since",
        "told_until",
    )

    def __init__(self) -> None:
        self.allowance: Allowance | None = None
        self.noted = 0.0
        self.requests_since = 0
        self.tokens_since = 0
        self.blocked_until = 0.0
        self.refusals = 0
        self.told_until = 0.0


class Quotas:
    """All quotas that have been heard of."""

    def __init__(self) -> None:
        self._quotas: dict[str, _Quota] = {}

    def note(self, name: str, allowance: Allowance, now: float) -> None:
        """An answer told what is left."""
        quota = self._quotas.setdefault(name, _Quota())
        quota.allowance = allowance
        quota.noted = now
        quota.requests_since = quota.tokens_since = 0

    def block(self, name: str, until: float, *, told: bool = False) -> None:
        """Nothing will be answered before `until`; `told`: the provider itself said so."""
        quota = self._quotas.setdefault(name, _Quota())
        quota.blocked_until = max(quota.blocked_until, until)
        if told:
            quota.told_until = max(quota.told_until, until)

    def waits(self, now: float) -> list[tuple[str, float, bool]]:
        """Every quota of which nothing is wanted, until when, and whether its provider said so."""
        return [
            (name, quota.blocked_until, quota.told_until >= quota.blocked_until)
            for name, quota in self._quotas.items()
            if quota.blocked_until > now
        ]

    def refused(self, name: str, wait: float | None, now: float, chance: float) -> None:
        """A request was refused for lack of room: nothing is sent for `wait` seconds.

        Where the provider does not say for how long (None), the wait doubles with each refusal in a row;
        `chance` in [0, 1) spreads it.
        """
        quota = self._quotas.setdefault(name, _Quota())
        if wait is None:
            if quota.blocked_until > now:
                return  # of requests that were on their way already
            wait = min(_LONGEST_BLOCK, _FIRST_BLOCK * 2.0 ** min(quota.refusals, 16)) * (0.5 + chance)
        else:
            quota.told_until = max(quota.told_until, now + wait)
        quota.refusals += 1
        quota.blocked_until = max(quota.blocked_until, now + wait)

    def is_barred(self, name: str, now: float) -> bool:
        """Whether the provider itself said that nothing will be answered yet."""
        quota = self._quotas.get(name)
        return quota is not None and quota.told_until > now

    def answered(self, name: str) -> None:
        """A request was let in."""
        quota = self._quotas.get(name)
        if quota is not None:
            quota.refusals = 0

    def began(self, name: str, tokens: int) -> None:
        """A request of about `tokens` was sent, which what was told does not count yet."""
        quota = self._quotas.get(name)
        if quota is not None:
            quota.requests_since += 1
            quota.tokens_since += tokens

    def free_at(self, name: str, now: float, tokens: int = 0) -> float:
        """The time from which a request of about `tokens` can be expected to be let in; `now`: at once."""
        quota = self._quotas.get(name)
        if quota is None:
            return now
        free = max(now, quota.blocked_until)
        told = quota.allowance
        if told is None:
            return free
        if told.requests_left is not None and told.requests_reset is not None:
            reset = quota.noted + told.requests_reset
            if told.requests_left - quota.requests_since < 1 and reset > now:
                free = max(free, reset)
        if told.tokens_left is not None and told.tokens_reset is not None:
            reset = quota.noted + told.tokens_reset
            left = told.tokens_left - quota.tokens_since
            if left < max(1, min(tokens, told.tokens_limit or tokens)) and reset > now:
                free = max(free, reset)
        return free

    def headroom(self, name: str, now: float) -> float:
        """The share of the quota that is left, from 0 to 1; 1 when nothing is known."""
        quota = self._quotas.get(name)
        if quota is None:
            return 1.0
        if quota.blocked_until > now:
            return 0.0
        told = quota.allowance
        if told is None:
            return 1.0
        return min(
            _share(
                told.requests_left,
                told.requests_limit,
                told.requests_reset,
                quota.requests_since,
                now - quota.noted,
            ),
            _share(
                told.tokens_left, told.tokens_limit, told.tokens_reset, quota.tokens_since, now - quota.noted
            ),
        )


def _share(left: int | None, limit: int | None, reset: float | None, since: int, age: float) -> float:
    """What is left of `limit` when `since` more were used, and it fills up again by the time of its reset."""
    if left is None or not limit:
        return 1.0
    regained = limit if reset is None or age >= reset else 0
    return min(1.0, max(0.0, (left - since + regained) / limit))
