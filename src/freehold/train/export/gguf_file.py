"""A GGUF file, read: what it says of itself, and its weights as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from freehold.core.errors import BadRequest


class Unreadable(BadRequest):
    """The file is no GGUF file, or not all of one."""


class GgufFile:
    """One file. Its weights are read from the disk when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Raises Unreadable."""
        import gguf  # noqa: PLC0415 - only where a file is read

        self.path = path
        try:
            self.reader = gguf.GGUFReader(path)
            self.metadata: Mapping[str, Any] = {
                name: field.contents()
                for name, field in self.reader.fields.items()
                if not name.startswith("GGUF.")
            }
        except (ValueError, IndexError, KeyError, OSError, OverflowError, TypeError, MemoryError) as error:
            raise Unreadable(
                f"`{path.name}` is no GGUF file, or not all of one: {type(error).__name__}: {error}."
            ) from None
        self.tensors: dict[str, Any] = {tensor.name: tensor for tensor in self.reader.tensors}

    @property
    def template(self) -> str | None:
        """The chat template; None: there is none."""
        found = self.metadata.get("tokenizer.chat_template")
        return found if isinstance(found, str) else None

    @property
    def context(self) -> int | None:
        """Tokens of question and answer together; None: it does not say."""
        found = self.metadata.get(f"{self.metadata.get('general.architecture')}.context_length")
        return found if isinstance(found, int) else None

    @property
    def layers(self) -> int:
        """How many layers there are."""
        return int(self.metadata.get(f"{self.metadata.get('general.architecture')}.block_count", 0))

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return sum(int(tensor.n_elements) for tensor in self.tensors.values())

    def weights(self, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """A tensor as numbers, whatever type it is kept in."""
        from gguf.quants import dequantize  # noqa: PLC0415 - see above

        tensor = self.tensors[name]
        shape = tuple(int(one) for one in reversed(tensor.shape))
        return np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32).reshape(shape)
