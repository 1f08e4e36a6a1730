"""From Hugging Face's form to a GGUF file of full precision."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freehold.core.errors import BadRequest

# ruff: noqa: PLC0415 - torch and the converter are imported where something is converted


def convert(model: Path, target: Path, *, name: str) -> None:
    """Write the model in the folder `model` as `target`, every number in F32.

    Raises BadRequest: its architecture or its tokenizer cannot be written as GGUF.
    """
    import gguf
    import torch
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

    with _quiet(), torch.inference_mode():
        architecture = get_model_architecture(ModelBase.load_hparams(model, False), ModelType.TEXT)
        try:
            kind = get_model_class(architecture)
        except NotImplementedError:
            raise BadRequest(
                f"Models of the architecture `{architecture}` cannot be written as GGUF.",
                hint="Export it as `hf`.",
                param="to",
            ) from None
        made = kind(model, gguf.LlamaFileType.ALL_F32, target, model_name=name)
        _settle_tokenizer(made, model)
        write = made.gguf_writer.write_tensors_to_file
        made.gguf_writer.write_tensors_to_file = lambda **_: write(progress=False)
        try:
            made.write()
        except NotImplementedError as error:
            raise BadRequest(
                f"The model `{name}` cannot be written as GGUF: {error}.",
                hint="Export it as `hf`.",
                param="to",
            ) from None


def _settle_tokenizer(made: Any, model: Path) -> None:
    """The converter knows tokenizers by a hash of what they do to one text, and so none that was trained here. What
    they do is told by how they are built; whether that was understood rightly, the gate finds out.
    """
    from freehold.train.tokens.dialect import pre_tokenizer_of

    tokenizer = model / "tokenizer.json"
    dialect = pre_tokenizer_of(tokenizer.read_bytes()) if tokenizer.is_file() else None
    if dialect is not None:
        made.set_vocab = made._set_vocab_gpt2
        made.get_vocab_base_pre = lambda _: dialect


@contextmanager
def _quiet() -> Iterator[None]:
    """The converter says much about each tensor, and shows bars of its own."""
    from conversion import logger

    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
