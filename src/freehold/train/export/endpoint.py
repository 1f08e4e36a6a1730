"""The last look: the model that is to be, asked through the endpoint's own path, before anybody else can find it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from freehold.catalog.own import MANIFEST, OWN, OwnModel
from freehold.core.errors import FreeholdError
from freehold.train.export.proof import Finding
from freehold.train.export.proving import Measurements
from freehold.train.export.questions import said_of

_ASKED = 8
"""Questions."""
_SAME = 0.75
"""The share that has to be answered with the same text. Requests that are worked on together are reckoned with in
another order, so a word may differ where two are equally likely.
"""


class Endpoint(Protocol):
    """Asks a model of a data folder as a client of the endpoint would."""

    def __call__(self, data: Path, model: str, requests: Sequence[msgspec.Raw]) -> list[str]:
        """The text of each answer, in their order. Raises FreeholdError: there is none."""


def check_endpoint(
    found: Measurements, model: OwnModel, made: Path, data: Path, endpoint: Endpoint
) -> Finding:
    """Whether it answers there as it did to the gate. `made` holds its file; `data` is a folder to be made for this."""
    place = data / OWN / model.name
    place.mkdir(parents=True)
    (place / MANIFEST).write_bytes(msgspec.json.encode(model))
    (place / model.file).hardlink_to(made / model.file)
    some = found.answered[:_ASKED]
    bodies: list[dict[str, Any]] = [
        {"messages": one.question.messages, "temperature": 0, "max_tokens": found.longest} for one in some
    ]
    try:
        said = endpoint(
            data, f"{OWN}/{model.name}", [msgspec.Raw(msgspec.json.encode(body)) for body in bodies]
        )
    except FreeholdError as error:
        return Finding(check="endpoint", holds=False, told=f"The endpoint cannot serve it: {error.message}")
    finally:
        shutil.rmtree(data, ignore_errors=True)
    pairs = [
        (said_of(one.served.text)[1].strip(), text.strip()) for one, text in zip(some, said, strict=True)
    ]
    different = [
        f"`{ours[:100]}` to the gate, `{theirs[:100]}` to a client"
        for ours, theirs in pairs
        if ours != theirs
    ]
    told = f"{len(pairs) - len(different)} of {len(pairs)} answers through the endpoint are the same"
    if len(different) <= (1.0 - _SAME) * len(pairs):
        return Finding(check="endpoint", holds=True, told=f"{told}.")
    return Finding(check="endpoint", holds=False, told=f"{told}.", evidence=tuple(different[:3]))
