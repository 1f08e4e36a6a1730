"""Files and batches as they are kept."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.ids import new_id

Form = Literal["openai", "anthropic"]
"""Whose API a batch was handed in by."""

Status = Literal[
    "validating", "in_progress", "cancelling", "finalizing", "completed", "failed", "expired", "cancelled"
]

UNFINISHED: tuple[Status, ...] = ("validating", "in_progress", "cancelling", "finalizing")


class StoredFile(msgspec.Struct, kw_only=True):
    """A file whose content is in the data folder."""

    id: str
    """`file-…`"""
    key_id: str
    name: str
    purpose: str
    size: int
    created_us: int
    expires_us: int | None = None


class Problem(msgspec.Struct, omit_defaults=False):
    """Why a batch cannot be worked on."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class Batch(msgspec.Struct, kw_only=True):
    """A batch and how far it is."""

    id: str
    """`batch_…` or `msgbatch_…`"""
    key_id: str
    """Of the key that made it, and that its calls are made with."""
    form: Form
    endpoint: str
    """Path that its lines are for."""
    status: Status = "validating"
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    metadata: str | None = None
    problems: str | None = None
    strict: bool = False
    keep_bodies: bool = True
    total: int = 0
    succeeded: int = 0
    errored: int = 0
    cancelled: int = 0
    expired: int = 0
    created_us: int
    expires_us: int
    started_us: int | None = None
    finalizing_us: int | None = None
    cancelling_us: int | None = None
    ended_us: int | None = None
    output_seconds: int | None = None
    """How long its files are kept; None: as long as others."""
    usage: str | None = None
    """JSON, in OpenAI's form: what its answers have used; None when that is not known."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in UNFINISHED


def new_file_id() -> str:
    """A fresh `file-…`, with the dash that OpenAI's clients know."""
    return new_id("file").replace("_", "-", 1)
