"""What a suite consists of."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question, and what is known of a right answer."""

    id: str
    """Unique within its suite."""
    request: msgspec.Raw
    """What is asked: the body of an `openai-chat` request without `model` and `stream`, as JSON."""
    target: msgspec.Raw = msgspec.Raw()
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


def hash_of(scorers: tuple[ScorerSettings, ...], cases: list[Case]) -> str:
    """The hash of a suite: whatever decides over an answer's score goes into it, and nothing else."""
    encode = msgspec.json.Encoder(order="deterministic").encode
    hashed = hashlib.sha256()
    for one in (*scorers, *cases):
        # Raw JSON may be laid out in many ways; its values count.
        plain = msgspec.json.decode(msgspec.json.encode(one))
        hashed.update(encode(plain) + b"\n")
    return hashed.hexdigest()
