"""What a recipe begins from: the embedded model, a model of an earlier run, an own model, or a folder."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold.catalog.embedded import EMBEDDED, LOCAL
from freehold.catalog.own import OWN, own_file, own_models
from freehold.core.errors import BadRequest, NotFound
from freehold.core.ids import new_id
from freehold.providers.local.models import MODELS, weights_of
from freehold.store.folders import make_private
from freehold.train.run import Runs


class Base(NamedTuple):
    """A model in memory, with 32 bits a weight."""

    reference: str
    """As it was asked for."""
    model: Any
    """Of Transformers."""
    tokenizer: Any
    """With its chat template."""
    licence: str | None
    """None: not known."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Where a base is, before anything of it is read."""

    reference: str
    path: Path
    """A folder in Hugging Face's form, or a GGUF file."""
    licence: str | None


def load_base(reference: str, data: Path) -> Base:
    """The model and its tokenizer. Raises NotFound, BadRequest.

    A GGUF file is unpacked once, into `DATA/bases/`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - seconds, and torch
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()  # a run has its own display

    found = find_base(reference, data)
    folder = found.path if found.path.is_dir() else unpacked(found.path, data)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype="float32", local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BadRequest(
            f"`{reference}` cannot be loaded from `{folder}`: {error}",
            hint="Weights are read as `.safetensors` alone, and code that comes with a model is never run.",
        ) from error
    return Base(reference, model, tokenizer, found.licence)


def find_base(reference: str, data: Path) -> Found:
    """Where it is. Raises NotFound, BadRequest.

    `local/smollm2-135m`, `own/NAME`, a run's id or name, a folder in Hugging Face's form or a GGUF file.
    """
    provider, _, name = reference.partition("/")
    if provider == LOCAL and name:
        return Found(reference=reference, path=_embedded(name), licence=EMBEDDED[name].licence)
    if provider == OWN and name:
        return _own(reference, name, data)
    path = Path(reference)
    if path.is_dir() and (path / "config.json").is_file():
        return Found(reference=str(path.resolve()), path=path, licence=_licence_in(path / "README.md"))
    if path.suffix == ".gguf" and path.is_file():
        return Found(reference=str(path.resolve()), path=path, licence=None)
    if path.is_dir():
        raise BadRequest(
            f"`{reference}` is no model: it has no `config.json`.",
            hint="Give a folder in Hugging Face's form.",
        )
    try:
        return _of_run(reference, data)
    except NotFound:
        raise NotFound(
            f"There is no base `{reference}`.",
            hint="Give `local/smollm2-135m`, `own/NAME`, a run (`freehold train list`), or a folder with a model.",
        ) from None


def unpacked(path: Path, data: Path) -> Path:
    """A GGUF file in Hugging Face's form, made when it is first wanted."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = data / "bases" / digest[:12]
    if not folder.is_dir():
        from freehold.train.gguf_base import model_from_gguf, tokenizer_from_gguf  # noqa: PLC0415 - torch

        new = folder.with_name(new_id("new"))
        make_private(new)
        try:
            tokenizer_from_gguf(path).save_pretrained(new)
            model_from_gguf(path).save_pretrained(new)
            if not folder.is_dir():
                new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder


def _embedded(name: str) -> Path:
    model = MODELS.get(f"{LOCAL}/{name}")
    if model is None or model.runtime != "llama.cpp":
        chat = [f"`{LOCAL}/{one.name}`" for one in MODELS.values() if one.runtime == "llama.cpp"]
        raise NotFound(
            f"There is no model `{LOCAL}/{name}` that can be trained.", hint=f"There is {', '.join(chat)}."
        )
    path = weights_of(model)
    if path is None:
        raise NotFound(
            f"The weights of `{LOCAL}/{name}` are not installed.", hint="`make train-env` installs them, too."
        )
    return path


def _own(reference: str, name: str, data: Path) -> Found:
    own = own_models(data).get(name)
    if own is None:
        raise NotFound(f"There is no own model `{reference}`.", hint="`freehold export` makes one of a run.")
    if own.run:
        folder = Runs(data).folder / own.run / "model"
        if (folder / "config.json").is_file():  # the weights before they were made coarser
            return Found(reference=reference, path=folder, licence=own.licence)
    if own.format != "gguf":
        raise BadRequest(
            f"`{reference}` is in the form `{own.form}`, which cannot be trained on, and its run is gone.",
            hint="Begin from another base.",
        )
    return Found(reference=reference, path=own_file(data, own), licence=own.licence)


def _of_run(reference: str, data: Path) -> Found:
    folder = Runs(data).find(reference)
    run = folder.read()
    if not (folder.model / "config.json").is_file():
        raise BadRequest(
            f"The run `{run.id}` is `{run.state}` and has no model yet.",
            hint=f"`freehold train resume {run.id}` goes on with it.",
        )
    return Found(reference=run.id, path=folder.model, licence=run.licence)


def _licence_in(card: Path) -> str | None:
    """What a model card says in its head."""
    if not card.is_file():
        return None
    head = re.match(r"---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    said = re.search(r"^license:\s*[\"']?([^\s\"'#]+)", head[1], re.MULTILINE) if head else None
    return said[1] if said else None
