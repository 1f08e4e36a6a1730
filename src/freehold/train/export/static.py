"""Everything that a file can be refused for before it is asked anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from freehold.train.export.checks import (
    check_marks,
    check_numbers,
    check_settings,
    check_template,
    check_vocabulary,
)
from freehold.train.export.gguf_file import GgufFile
from freehold.train.export.proof import Finding
from freehold.train.export.vocabularies import (
    template_end_of,
    template_of,
    tokens_of_file,
    tokens_of_training,
)


def check_file(reference: GgufFile, exported: GgufFile, tokenizer: Any) -> Iterator[Finding]:
    """Findings about `exported`; `reference` is the same model as the converter writes it in full precision."""
    yield check_numbers(_unfit(reference, exported), len(reference.tensors))
    yield check_settings(_settings(reference), _settings(exported))
    yield check_template(template_of(tokenizer), exported.template)
    trained = tokens_of_training(tokenizer, len(reference.metadata.get("tokenizer.ggml.tokens") or ()))
    written = tokens_of_file(exported)
    yield check_vocabulary(trained, written)
    yield check_marks(trained, written, template_end_of(tokenizer))


def _settings(file: GgufFile) -> dict[str, Any]:
    """How the model reckons, as the file tells it."""
    architecture = str(file.metadata.get("general.architecture"))
    own = {name: value for name, value in file.metadata.items() if name.startswith(f"{architecture}.")}
    return {"general.architecture": architecture, **own}


def _unfit(reference: GgufFile, exported: GgufFile) -> dict[str, str]:
    """By tensor, what is wrong with it."""
    wrong = {}
    for name, tensor in reference.tensors.items():
        theirs = exported.tensors.get(name)
        if theirs is None:
            wrong[name] = "missing"
        elif list(theirs.shape) != list(tensor.shape):
            wrong[name] = f"{list(theirs.shape)} instead of {list(tensor.shape)}"
        elif not np.isfinite(exported.weights(name)).all():
            wrong[name] = "not all of its numbers are finite"
    return wrong
