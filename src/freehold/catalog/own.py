"""Own models: those that were made here and passed the gate, in `DATA/own/NAME/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

OWN = "own"
"""Name of the provider that serves them."""
MANIFEST = "own.json"
NAME_PATTERN = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"

Format = Literal["gguf", "openvino"]
_Beside = Annotated[str, msgspec.Meta(pattern=r"\A(?!\.{1,2}\Z)[^/\\\x00]+\Z")]
"""The name of something in one folder, that leads to no other one."""


class OwnModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model that was made here."""

    name: Annotated[str, msgspec.Meta(pattern=rf"\A{NAME_PATTERN}\Z")]
    """The second half of `own/name`."""
    format: Format
    form: str
    """As it was asked for: `gguf:q8_0`."""
    file: _Beside
    """Within its folder: a GGUF file, or a folder of OpenVINO's."""
    sha256: str
    """Of the file, in hexadecimal; of a folder, over its files in the order of their names."""
    context_window: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
    """Tokens of question and answer together."""
    parameters: int
    licence: str | None
    """What its base's licence and its data's terms leave: an SPDX identifier, or a name; None: not known."""
    run: _Beside | None
    base: str | None
    dataset: str | None
    made_us: int
    """Microseconds since 1970, UTC."""
    margin: float
    """How much worse than the trained model it was allowed to be when it passed the gate."""
    slots: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Requests that are worked on at the same time."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=5)] | None = None
    """For requests that name none."""
    reasoning: bool = False
    """Whether it thinks in `<think>` before it answers."""


def own_models(data: Path) -> dict[str, OwnModel]:
    """Those in this data folder, by name. A manifest that cannot be read is passed over: it is no model."""
    found = {}
    for path in _within(data / "own", f"*/{MANIFEST}"):
        try:
            model = msgspec.json.decode(path.read_bytes(), type=OwnModel)
        except (OSError, msgspec.DecodeError):
            continue
        if model.name == path.parent.name:
            found[model.name] = model
    return found


def own_places(data: Path) -> list[Path]:
    """Files and folders that change when there is another own model, or one less, or another version of one."""
    folder = data / "own"
    return [folder, *_within(folder, "*"), *_within(folder, f"*/{MANIFEST}")]


def _within(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # no folder can be there
        return []


def own_file(data: Path, model: OwnModel) -> Path:
    """Where its weights are."""
    return data / "own" / model.name / model.file
