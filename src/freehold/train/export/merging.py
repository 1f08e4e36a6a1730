"""The trained model in one piece: an adapter is added to its base in full precision, never to a coarser one."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.export.torch_form import TorchForm, load_form, load_tokenizer

ADAPTER = "adapter_config.json"
_CONFIG = "config.json"


class Trained(msgspec.Struct, frozen=True):
    """What training left."""

    folder: Path
    base: Path | None
    """The folder of the model that the adapter belongs to; None: there is no adapter."""


def trained_in(folder: Path) -> Trained:
    """What training left in a folder. Raises BadRequest: there is no model, or none that may be exported."""
    if (folder / ADAPTER).is_file():
        said = json.loads((folder / ADAPTER).read_bytes()).get("base_model_name_or_path") or ""
        base = Path(said)
        if not said or not (base / _CONFIG).is_file():
            raise BadRequest(
                f"The model in `{folder}` is an adapter, and its base `{said or 'not told'}` is not here.",
                hint="Put the base there in Hugging Face's form, or train it anew.",
            )
        _refuse_coarse(base, "The base of the adapter")
        return Trained(folder, base)
    if not (folder / _CONFIG).is_file():
        raise BadRequest(
            f"`{folder}` holds no model.", hint="Is the run finished? See `freehold train list`."
        )
    _refuse_coarse(folder, "The model")
    return Trained(folder, None)


def load_trained(trained: Trained) -> TorchForm:
    """The model as training left it: with its adapter beside it, where there is one."""
    if trained.base is None:
        return load_form(trained.folder)
    return TorchForm(_adapted(trained), load_tokenizer(trained.folder))


def merge(trained: Trained, into: Path) -> Path:
    """The folder of the model in one piece: its own, or `into`, where the merged one is written."""
    if trained.base is None:
        return trained.folder
    _adapted(trained).merge_and_unload(safe_merge=True).save_pretrained(into)
    load_tokenizer(trained.folder).save_pretrained(into)
    return into


def _adapted(trained: Trained) -> Any:
    assert trained.base is not None
    base = load_form(trained.base).model
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what PEFT and Transformers have to settle
            from peft import PeftModel  # noqa: PLC0415 - only adapters need it

            return PeftModel.from_pretrained(base, trained.folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadRequest(
            f"The adapter in `{trained.folder}` does not fit its base `{trained.base}`: {error}",
            hint="Train it anew on the base that is meant.",
        ) from error


def _refuse_coarse(folder: Path, what: str) -> None:
    config = json.loads((folder / _CONFIG).read_bytes())
    if config.get("quantization_config"):
        raise BadRequest(
            f"{what} in `{folder}` is quantised already: merged or converted from there it would lose twice.",
            hint="Begin from weights of 16 or 32 bits.",
        )
