"""Secrets, addresses of mail, and Korean numbers of persons, told by their forms: what Presidio does not find, or not
without the internet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import NamedTuple


class Span(NamedTuple):
    """A piece of text that is to be masked."""

    start: int
    end: int
    kind: str


_VALUE = "value"
"""The group of a pattern that is the secret; without it all that was found is."""
_NAMES = (
    r"passwords?|passwd|pwd|passphrase|secret(?:[_-]?(?:access)?[_-]?key)?|api[_ -]?key|access[_-]?key"
    r"|auth[_-]?token|access[_-]?token|client[_-]?secret|비밀번호|패스워드|암호|비번"
)
"""What people write before a secret."""
_PREFIXES = (
    r"gh[oprsu]_|github_pat_|glpat-|npm_|pypi-|hf_|dop_v1_|xox[abeprs]-|xapp-|ya29\.|AIza"
    r"|(?:sk|rk|pk|fh|fha|ak|whsec)[-_](?=[\w-]*\d)"
)
"""What the keys of well-known services begin with."""
# A word of another script beside an address is no part of it, unless the address is in that script itself.
_ASCII_LOCAL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LOCAL = r"[^\s@<>()\[\],;:\"]{0,63}[^\x00-\x7f\s]"
_ASCII_DOMAIN = (
    r"(?>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?)"
    r"(?!\.[^\W\d_])"
)
_DOMAIN = r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.)*[^\W_](?:[\w-]{0,62}[^\W_])?"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("SECRET", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ("SECRET", r"\b[a-z][a-z0-9+.-]{1,20}://(?P<value>[^\s/:@\"'<>]*:[^\s/@\"'<>]+)@"),
    ("SECRET", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("SECRET", rf"(?<![A-Za-z0-9])(?:{_PREFIXES})[\w.-]{{16,}}"),
    ("SECRET", r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    ("SECRET", r"\b(?:bearer|basic)\s+(?P<value>[\w.~+/=-]{16,})"),
    (
        "SECRET",
        rf"(?:{_NAMES})[\"']?\s*(?::=|=>|[:=]|\bis\b|[은는])\s*[\"']?(?P<value>[^\s\"',;<>]{{6,}})",
    ),
    ("EMAIL", rf"(?:{_ASCII_LOCAL}|{_LOCAL})@(?:{_ASCII_DOMAIN}|{_DOMAIN})"),
    ("ID", r"(?<!\d)\d{6}\s*[-\u2010-\u2015\u2212~]\s*[1-8]\d{6}(?!\d)"),
    ("ID", r"(?<!\d)\d{2}-\d{2}-\d{6}-\d{2}(?!\d)"),
    ("ID", r"(?<![A-Za-z0-9])[MSRODG]\d{3}[A-Z0-9]\d{4}(?!\d)"),
    ("PHONE", r"(?<!\d)(?:\+?82[ .-]?\(?0?|0)1[016-9]\)?[ .-]?\d{3,4}[ .-]?\d{4}(?!\d)"),
    ("PHONE", r"(?<!\d)0(?:2|[3-6]\d|70|50\d)[ .)-]{1,2}\d{3,4}[ .-]\d{4}(?!\d)"),
)
_COLONS = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,40}")
_compiled = [
    (kind, re.compile(pattern, re.DOTALL | re.IGNORECASE if kind == "SECRET" else 0))
    for kind, pattern in _PATTERNS
]


def secrets_in(text: str) -> Iterator[Span]:
    """What these patterns find."""
    for kind, pattern in _compiled:
        for found in pattern.finditer(text):
            group: int | str = _VALUE if _VALUE in found.groupdict() else 0
            yield Span(*found.span(group), kind)
    for run in _COLONS.finditer(text):
        # Presidio misses an address with a colon behind it, as a sentence may have one.
        address = run[0] if run[0].endswith("::") else run[0].rstrip(":.")
        if _is_address(address):
            yield Span(run.start(), run.start() + len(address), "IP")


def _is_address(text: str) -> bool:
    try:
        return IPv6Address(text) != IPv6Address("::")
    except ValueError:
        return False
