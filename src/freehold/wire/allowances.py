"""What the headers of a provider's answer say about the quota that the request was counted against.

x-ratelimit-{limit,remaining,reset}-{requests,tokens}             OpenAI, Azure, Groq, xAI, Together, …
anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}     Anthropic; the reset is a time of day
x-ratelimit-{limit,remaining,reset}, ratelimit-{…}                of requests, where there is no more
retry-after, retry-after-ms                                       when to come again
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from freehold.core.allowance import Allowance

Headers = Iterable[tuple[bytes, bytes]]

MOST_SECONDS = 7 * 86_400.0
"""No reset is believed that is further away."""

_PARTS = re.compile(rb"(\d+(?:\.\d+)?)(ms|us|s|m|h|d)")
_SECONDS = {b"us": 1e-6, b"ms": 1e-3, b"s": 1.0, b"m": 60.0, b"h": 3600.0, b"d": 86400.0}

_FIELDS = {
    b"limit-requests": "requests_limit",
    b"remaining-requests": "requests_left",
    b"reset-requests": "requests_reset",
    b"limit-tokens": "tokens_limit",
    b"remaining-tokens": "tokens_left",
    b"reset-tokens": "tokens_reset",
    b"requests-limit": "requests_limit",
    b"requests-remaining": "requests_left",
    b"requests-reset": "requests_reset",
    b"tokens-limit": "tokens_limit",
    b"tokens-remaining": "tokens_left",
    b"tokens-reset": "tokens_reset",
    b"limit": "requests_limit",
    b"remaining": "requests_left",
    b"reset": "requests_reset",
}
_PREFIXES = (b"x-ratelimit-", b"anthropic-ratelimit-", b"ratelimit-")


def allowance_in(headers: Headers, now: float) -> Allowance | None:
    """What `headers` (names in lower case) say; None: nothing. `now` is the time of day, in seconds since 1970."""
    found: dict[str, int | float] = {}
    for name, value in headers:
        if b"ratelimit-" not in name:
            continue
        prefix = next((one for one in _PREFIXES if name.startswith(one)), None)
        field = None if prefix is None else _FIELDS.get(name[len(prefix) :])
        if field is None or (field in found and name.endswith((b"limit", b"remaining", b"reset"))):
            continue
        number = _reset(value, now) if field.endswith("_reset") else _count(value)
        if number is not None:
            found[field] = number
    return Allowance(**found) if found else None  # type: ignore[arg-type]


def wait_in(headers: Headers, now: float) -> float | None:
    """The seconds after which the provider wants to be asked again; None: it does not say."""
    wait = None
    for name, value in headers:
        if name == b"retry-after-ms":
            milliseconds = _number(value)
            if milliseconds is not None:
                return min(MOST_SECONDS, milliseconds / 1000)
        elif name == b"retry-after":
            wait = _number(value)
            if wait is None:
                wait = _until(value, now)
    return None if wait is None else min(MOST_SECONDS, wait)


def _count(value: bytes) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _number(value: bytes) -> float | None:
    """A plain number that is not negative."""
    text = value.strip()
    if not text or len(text) > 20 or not text.replace(b".", b"", 1).isdigit():
        return None
    return float(text)


def _reset(value: bytes, now: float) -> float | None:
    """Seconds from `now`: `6m0s`, `20ms`, `1.5`, a time of day, or seconds since 1970."""
    number = _number(value)
    if number is not None:
        if number > 1e12:
            number /= 1000  # milliseconds since 1970
        if number > 1e9:
            number = max(0.0, number - now)
        return min(number, MOST_SECONDS)
    text = value.strip()
    if len(text) <= 40 and _PARTS.sub(b"", text) == b"":
        seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _PARTS.findall(text))
        return min(seconds, MOST_SECONDS)
    seconds_left = _until(text, now)
    return None if seconds_left is None else min(seconds_left, MOST_SECONDS)


def _until(value: bytes, now: float) -> float | None:
    """Seconds from `now` to a time of day in the form of RFC 3339 or of HTTP."""
    text = value[:40].decode("latin-1").strip()
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return max(0.0, moment.timestamp() - now)
    except (OverflowError, ValueError):
        return None
