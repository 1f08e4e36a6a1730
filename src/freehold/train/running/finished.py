"""The finished model of a run, in Hugging Face's form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from freehold.core.errors import StoreError
from freehold.train.run import MODEL


def keep_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Leave the model in the run's folder, whole or not at all. Raises StoreError."""
    place, new = folder / MODEL, folder / f"{MODEL}.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise StoreError(
            f"The model `{place}` could not be written: {error}.",
            hint="Make room on the disk; `freehold train resume` goes on from the last checkpoint.",
        ) from error
