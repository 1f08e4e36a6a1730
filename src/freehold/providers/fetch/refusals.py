"""What a client is told when a file cannot be had. It never tells what there is in a network."""

from __future__ import annotations

import re

from freehold.core.errors import BadRequest

_HINT = (
    "Only files on the public internet are fetched, by plain http or https URLs, and from what `allow` names. "
    "Or send the file itself, as base64."
)
_PLAIN = re.compile(r"[^A-Za-z0-9._:\[\]-]")


def unfetchable(host: str) -> BadRequest:
    """The one answer for every address that is not allowed, not there or does not speak HTTP.

    Whoever could tell these apart could map the network that we stand in.
    """
    return BadRequest(f"The file at `{host}` cannot be fetched.", hint=_HINT)


def unfit(host: str, problem: str) -> BadRequest:
    """Something is wrong with what a public server answered, or with the URL's own words."""
    return BadRequest(f"The file at `{host}` {problem}.")


def shown_host(url: str) -> str:
    """What may be said of any URL: the text where its host stands, without user, path and query, and made harmless."""
    rest = re.split(r"[:\\/]{2,}", url[:2048], maxsplit=1)[-1]
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return _PLAIN.sub("?", authority[:100]) or "?"
