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
    r"passwords?|passwd|pwd|(?<![A-Za-z])pw(?=[\"']?\s?[:=])"
    r"|passphrase|secret(?:[_-]?(?:access)?[_-]?key)?|api[_ -]?key|access[_-]?key"
    r"|auth[_-]?token|access[_-]?token|client[_-]?secret|account[_-]?key|private[_-]?key|비밀번호|패스워드|암호|비번"
)
"""What people write before a secret."""
_NAMED = r"(?<![A-Za-z])(?:[a-z0-9]{1,40}[_-]){0,4}(?:token|session(?:id)?)"
"""As people call others that are not written in words: what is behind it has a digit and is long."""
_PREFIXES = (
    r"gh[oprsu]_|github_pat_|glpat-|npm_|pypi-|hf_|dop_v1_|xox[abeprs]-|xapp-|ya29\.|AIza|gsk_|r8_|xai-|SG\."
    r"|(?:sk|rk|pk|fh|fha|ak|whsec)[-_](?=[\w-]{0,200}\d)"
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
    ("SECRET", r"\b(?:bearer|basic|token)\s+(?P<value>[\w.~+/=-]{16,})"),
    ("SECRET", r"\bhooks\.slack\.com/services/(?P<value>[\w/]{16,})"),
    ("SECRET", r"\bcurl\b[^\n]{0,200}?\s-u\s*(?P<value>[^\s:]{1,100}:[^\s]{1,200})"),
    # Between quotes it may have spaces.
    (
        "SECRET",
        rf"(?:{_NAMES})\\?[\"']?\s{{0,9}}(?::=|=>|[:=])\s{{0,9}}\\?\"(?P<value>[^\"\\\n]{{4,200}})\\?\"",
    ),
    (
        "SECRET",
        rf"(?:{_NAMES})\\?[\"']?\s{{0,9}}(?:\b(?:is|was)\b\s?)?(?::=|=>|[:=]|\bis\b|[은는])\s{{0,9}}\\?[\"']?"
        r"(?P<value>[^\s\"',;<>\\]{6,})",
    ),
    # Without anything between the two, it is no word.
    ("SECRET", rf"(?:{_NAMES})\s{{1,9}}(?P<value>(?=[^\s\"',;<>]{{0,60}}\d)[^\s\"',;<>]{{6,}})"),
    (
        "SECRET",
        rf"{_NAMED}\\?[\"']?\s{{0,9}}[:=\s]\s{{0,9}}\\?[\"']?(?P<value>(?=[\w.~+/=-]{{0,200}}\d)[\w.~+/=-]{{16,}})",
    ),
    ("EMAIL", rf"(?:{_ASCII_LOCAL}|{_LOCAL})@(?:{_ASCII_DOMAIN}|{_DOMAIN})"),
    ("ID", r"(?<!\d)\d{6}\s*[-\u2010-\u2015\u2212~]\s*[1-8]\d{6}(?!\d)"),
    ("ID", r"(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]) [1-8]\d{6}(?!\d)"),
    ("ID", r"(?<!\d)\d{2}-\d{2}-\d{6}-\d{2}(?!\d)"),
    ("ID", r"(?<![A-Za-z0-9])[MSRODG]\d{3}[A-Z0-9]\d{4}(?!\d)"),
    ("PHONE", r"(?<!\d)(?:\+?82[ .-]?\(?0?|0)1[016-9]\)?[ .-]?\d{3,4}[ .-]?\d{4}(?!\d)"),
    ("PHONE", r"(?<!\d)0(?:2|[3-6]\d|70|50\d)[ .)-]{1,2}\d{3,4}[ .-]\d{4}(?!\d)"),
)
_COLONS = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,40}")
_SECRET_NAME = re.compile(rf"(?:{_NAMES}|token|credentials?|authorization|cookie|rrn|ssn)s?", re.IGNORECASE)
_LAST_WORDS = 3
"""Of a name that may say that its value is a secret: `openaiApiKey`, `db_password`, `x-api-key`."""
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+")


def names_secret(name: str) -> bool:
    """Whether the value of a field of this name is a secret, whatever it looks like: `password`, `dbPassword`."""
    words = [found[0] for found in _WORDS.finditer(name[:200])][-_LAST_WORDS:]
    return any(_SECRET_NAME.fullmatch("_".join(words[at:])) for at in range(len(words)))


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
