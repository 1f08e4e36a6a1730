"""What a suite consists of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

import msgspec

NOTHING = msgspec.Raw()
"""The target of a case of which nothing is known. It is this object and no other empty one: msgspec leaves it out."""


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question, and what is known of a right answer."""

    id: str
    """Unique within its suite."""
    request: msgspec.Raw
    """What is asked: the body of an `openai-chat` request without `model` and `stream`, as JSON."""
    target: msgspec.Raw = NOTHING
    """What a right answer is, as JSON; each scorer says what it takes. Empty: nothing is known."""
    task_class: str = ""
    """The kind of question. Empty: none was told."""
    group: str | None = None
    """Cases of one group (a conversation, a user, a document) are not independent of each other."""


class ScorerSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A scorer and how it is set."""

    kind: str
    """`exact`, `numeric`, `json-schema`, `judge` ..."""
    settings: msgspec.Raw = msgspec.Raw(b"{}")
    """A JSON object; each kind says what may be in it."""


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a suite comes from."""

    kind: Literal["file", "calls", "inspect", "recorded"]
    name: str
    """A file's name, a route, a task."""
    notes: tuple[str, ...] = ()
    """What whoever reads a report has to know: what was left out and why, one sentence each."""


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Cases and the scorers that judge answers to them. It never changes: another content is another suite."""

    id: str
    name: str
    hash: str
    """64 hexadecimal digits: SHA-256 over scorers and cases, in their order. The same content has the same hash."""
    source: Source
    scorers: tuple[ScorerSettings, ...]
    cases: int
    """How many."""
    made_us: int
    """Microseconds since 1970, UTC."""


class SuiteHash:
    """The hash of a suite, fed with its content: whatever decides over an answer's score goes into it, and nothing
    else. How JSON is laid out does not count, nor the order of the names in an object.
    """

    def __init__(self, scorers: Iterable[ScorerSettings]) -> None:
        self._hash = hashlib.sha256()
        for one in scorers:
            self._feed(one)

    def add(self, case: Case) -> None:
        """The next case."""
        self._feed(case)

    def _feed(self, one: ScorerSettings | Case) -> None:
        self._hash.update(plain_json(msgspec.json.encode(one)) + b"\n")

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()


def hash_of(scorers: Iterable[ScorerSettings], cases: Iterable[Case]) -> str:
    """The hash of a suite of these scorers and cases, in their order."""
    hashed = SuiteHash(scorers)
    for case in cases:
        hashed.add(case)
    return hashed.hexdigest()


def request_hash_of(case: Case) -> str:
    """What answers to a case are found by, whichever suite it is in: SHA-256 over its request.

    A case whose question is not known (its answers were recorded elsewhere) is known by its id alone.
    """
    plain = plain_json(case.request)
    if plain == UNASKABLE:
        plain += case.id.encode()
    return hashlib.sha256(plain).hexdigest()


def plain_json(raw: bytes | msgspec.Raw) -> bytes:
    """JSON of the same values, always laid out in the same way, the names in an object in alphabetical order."""
    return _encode_plain(msgspec.json.decode(raw))


UNASKABLE = b'{"messages":[]}'
"""The request of a case whose question is not known. No model can be asked it."""
_encode_plain = msgspec.json.Encoder(order="deterministic").encode
