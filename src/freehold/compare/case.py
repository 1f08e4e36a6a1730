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
    """`exact`, `numeric`, `json-schema`, `pairwise-judge` ..."""
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


def request_hash_of(request: msgspec.Raw) -> str:
    """What answers to a request are found by, whichever suite it is in."""
    return hashlib.sha256(plain_json(request)).hexdigest()


def unaskable(suite: str, case_id: str) -> msgspec.Raw:
    """The request of a case of which only answers were recorded: no model can be asked it.

    It names the suite, as a case of this id may be another question elsewhere.
    """
    return msgspec.Raw(_encode_plain({"messages": [], "recorded": {"suite": suite, "case": case_id}}))


def is_askable(request: msgspec.Raw) -> bool:
    """Whether it is known what is asked."""
    if b'"recorded"' not in bytes(request):
        return True
    fields = msgspec.json.decode(request, type=dict[str, msgspec.Raw])
    return not ("recorded" in fields and msgspec.json.decode(fields.get("messages", b"0")) == [])


def plain_json(raw: bytes | msgspec.Raw) -> bytes:
    """JSON of the same values, always laid out in the same way, the names in an object in alphabetical order."""
    return _encode_plain(msgspec.json.decode(raw))


_encode_plain = msgspec.json.Encoder(order="deterministic").encode
