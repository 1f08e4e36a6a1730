"""How a task of Inspect AI is set, as the one scorer of its suite."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from freehold.compare.case import ScorerSettings
from freehold.core.errors import BadRequest

KIND: Final = "inspect"


class InspectSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What has to be known to have the task again."""

    task: str
    """`inspect:<module>@<task>`, or the absolute path of a file and `@<task>`."""
    digest: str
    """64 hexadecimal digits: SHA-256 of the file that the task is written in."""
    args: dict[str, Any] = {}
    """What the task is called with."""
    grader: Annotated[str, Meta(pattern=r"^[^/\s]+/\S+$")] | None = None
    """The model that the task's scorer asks, where it asks one: `provider/name`."""


def read_settings(scorer: ScorerSettings) -> InspectSettings:
    """Raises BadRequest: they are not understood."""
    try:
        return msgspec.json.decode(scorer.settings, type=InspectSettings)
    except msgspec.DecodeError as error:
        raise BadRequest(f"The settings of `{KIND}` are not understood: {error}.", param="settings") from None


def grader_of(scorer: ScorerSettings) -> str | None:
    """The model that judges, where the task's scorer asks one."""
    return read_settings(scorer).grader if scorer.kind == KIND else None
