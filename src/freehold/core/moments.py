"""Moments and spans as people and programs write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, overload

import msgspec

from freehold.core.clock import as_datetime
from freehold.core.errors import BadRequest

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_SPAN = re.compile(r"(\d{1,9})\s*([smhdwy])")


def parse_span(text: str) -> int:
    """`90s`, `15m`, `12h`, `30d`, `2w` or `1y` in microseconds. Raises BadRequest."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise BadRequest(
            f"`{text}` is not a length of time.",
            hint="Write a number and a unit: `90s`, `15m`, `12h`, `30d`, `2w` or `1y`.",
        )
    return int(found[1]) * _SECONDS[found[2]] * 1_000_000


def moment_after(text: str, now_us: int) -> int:
    """The end of a span that begins now, in microseconds since 1970. Raises BadRequest."""
    end_us = now_us + parse_span(text)
    if end_us > _LAST_US:
        raise BadRequest(f"`{text}` is too long.", hint="It would end after the year 9999.")
    return end_us


def parse_moment(text: str, now_us: int, *, utc: bool = False) -> int:
    """A moment in microseconds since 1970.

    Understood: a span (`2h`: two hours before now), `now`, `today`, `yesterday`, and ISO 8601
    (`2026-01-31`, `2026-01-31T10:00`, with or without a zone). Without a zone, and for days, the
    machine's local time is meant, or UTC with `utc`. Raises BadRequest.
    """
    word = text.strip().lower()
    if word == "now":
        return now_us
    if _SPAN.fullmatch(word):
        return now_us - parse_span(word)
    if word in ("today", "yesterday"):
        now = as_datetime(now_us) if utc else as_datetime(now_us).astimezone()
        day = (now if word == "today" else now - timedelta(days=1)).date()
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the zone is put on below
    else:
        try:
            moment = datetime.fromisoformat(text.strip().upper())
        except ValueError:
            raise BadRequest(
                f"`{text}` is not a moment.",
                hint="Write `2h` (two hours ago), `today`, `2026-01-31` or `2026-01-31T10:00`.",
            ) from None
    try:
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None and utc else moment.astimezone(UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)
    except (OverflowError, ValueError, OSError):
        raise BadRequest(f"`{text}` is too far away.", hint="Write a year between 1970 and 9999.") from None


@overload
def iso(us: int) -> str: ...
@overload
def iso(us: int | None) -> str | None: ...
def iso(us: int | None) -> str | None:
    """A moment for programs: ISO 8601 in UTC with microseconds."""
    return None if us is None else as_datetime(us).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""What `iso` gives."""
