"""What runs on this machine, by `[local]` and the folder of own models: its providers, and how each is served."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from freehold.catalog.embedded import EMBEDDED, LOCAL
from freehold.catalog.models import Model
from freehold.catalog.own import MANIFEST, NAME_PATTERN, OWN, OwnModel, own_file, own_models
from freehold.catalog.prices import OWN_MACHINE_ID
from freehold.catalog.profile import Modality, Profile
from freehold.config.problems import Problems
from freehold.config.sections import LocalModelSection, LocalSettings
from freehold.config.source import Key
from freehold.config.values import shown
from freehold.providers.local.models import MODELS, LocalModel
from freehold.providers.settings import ProviderSettings
from freehold.wire.dialect import Quirks

SERVED_HERE = {LOCAL: "the models that run on this machine", OWN: "the models that were made here"}
"""Providers that nobody else may be called as."""

_NAME = re.compile(NAME_PATTERN)
_TEXT: frozenset[Modality] = frozenset({"text"})


def read_local(local: LocalSettings, folder: Path, problems: Problems) -> LocalSettings:
    """With whole paths. `folder`: where relative ones start."""
    models = {}
    for name, section in local.models.items():
        key: Key = ("local", "models", name)
        if not _NAME.fullmatch(name):
            hint = "Use small letters, digits, dots and dashes."
            problems.error(key, f"{shown(name)} cannot name a model.", hint)
        elif name in EMBEDDED:
            problems.error(key, f"`{LOCAL}/{name}` comes with Freehold already.", "Choose another name.")
        else:
            file = _whole_path(section.file, folder, (*key, "file"), problems)
            mmproj = section.mmproj and _whole_path(section.mmproj, folder, (*key, "mmproj"), problems)
            if section.embeddings and section.mmproj:
                problems.error(
                    (*key, "mmproj"), f"`{LOCAL}/{name}` cannot both see images and make embeddings."
                )
            models[name] = msgspec.structs.replace(section, file=file, mmproj=mmproj)
    return msgspec.structs.replace(local, models=models)


def read_own(data: Path, problems: Problems) -> dict[str, OwnModel]:
    """The own models that can be served, by name."""
    found = {}
    for name, model in own_models(data).items():
        if model.format == "gguf":
            found[name] = model
        else:
            problems.warn(
                (),
                f"`{OWN}/{name}` is not served: it is in the form `{model.form}`, which no runtime here reads.",
                "Export it as `gguf:q8_0` as well.",
            )
    return found


def local_providers(local: LocalSettings, own: Collection[str]) -> dict[str, ProviderSettings]:
    """The providers of what is served here; none when it is switched off."""
    if not local.enabled:
        return {}
    names = {LOCAL: (*EMBEDDED, *local.models), OWN: tuple(own)}
    return {
        name: ProviderSettings(
            name, kind="local", prices=OWN_MACHINE_ID, models=models, quirks=Quirks(reasoning_wish="object")
        )
        for name, models in names.items()
    }


def served_here(local: LocalSettings, own: Mapping[str, OwnModel], data: Path) -> dict[str, LocalModel]:
    """Every model that this machine serves, by id."""
    if not local.enabled:
        return {}
    files = (_from_file(name, section) for name, section in local.models.items())
    made = (_own(model, data) for model in own.values())
    return {**MODELS, **{model.id: model for model in (*files, *made)}}


def known_here(models: Mapping[str, LocalModel]) -> dict[str, Model]:
    """What the catalog is told of those that did not come with Freehold."""
    return {
        id_: Model(
            model.provider,
            model.name,
            model.profile,
            MANIFEST if model.provider == OWN else f"[local.models.{model.name}]",
        )
        for id_, model in models.items()
        if id_ not in MODELS
    }


def _own(model: OwnModel, data: Path) -> LocalModel:
    return LocalModel(
        provider=OWN,
        name=model.name,
        runtime="llama.cpp",
        packages=("xllamacpp",),
        weights=str(own_file(data, model)),
        profile=Profile(
            operations=frozenset({"chat"}),
            context_window=model.context_window,
            input_modalities=_TEXT,
            output_modalities=_TEXT,
            licence=model.licence,
        ),
        sha256=model.sha256,
        parameters=model.parameters,
        slots=model.slots,
        temperature=model.temperature,
        thinks=model.reasoning,
    )


def _from_file(name: str, section: LocalModelSection) -> LocalModel:
    reads: frozenset[Modality] = frozenset({"text", "image"}) if section.mmproj else _TEXT
    writes: frozenset[Modality] = frozenset({"embedding"}) if section.embeddings else _TEXT
    return LocalModel(
        provider=LOCAL,
        name=name,
        runtime="llama.cpp",
        packages=("xllamacpp",),
        weights=section.file,
        profile=Profile(
            operations=frozenset({"embeddings" if section.embeddings else "chat"}),
            context_window=section.context,
            input_modalities=reads,
            output_modalities=writes,
            licence=section.licence,
        ),
        slots=section.slots,
        temperature=section.temperature,
        mmproj=section.mmproj,
    )


def _whole_path(text: str, folder: Path, key: Key, problems: Problems) -> str:
    try:
        path = folder / Path(text).expanduser()
        is_there = path.is_file()
    except RuntimeError:
        problems.error(key, f"{shown(text)} begins with the name of nobody here.")
        return text
    except OSError as error:
        problems.error(key, f"{shown(text)} cannot be a file: {error.strerror}.")
        return text
    if not is_there:
        problems.warn(
            key,
            f"There is no file `{path}`.",
            "Until there is, its calls fail, or go to a fallback.",
        )
    return str(path)
