"""llama.cpp's own quantiser, taken from the library that serves the file: nothing is written that it cannot read."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from freehold.core.errors import StoreError
from freehold.train.export.types import F16, F32, Type

_ROWS_AT_ONCE = 1024


class Quantiser:
    """Turns rows of numbers into the blocks of a type."""

    def __init__(self) -> None:
        """Raises StoreError: the library is not here, or has no quantiser."""
        try:
            import xllamacpp  # noqa: PLC0415 - only where something is quantised

            library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
            self._quantise = library.ggml_quantize_chunk
            self._row_size = library.ggml_row_size
        except (ImportError, OSError, AttributeError) as error:
            raise StoreError(
                f"`xllamacpp`, whose quantiser is used, cannot be used here: {error}.",
                hint="`make train-env` installs what exporting needs.",
            ) from None
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        self._quantise.restype = ctypes.c_size_t
        self._quantise.argtypes = [ctypes.c_int, pointer, pointer, whole, whole, whole, pointer]
        self._row_size.restype = ctypes.c_size_t
        self._row_size.argtypes = [ctypes.c_int, whole]

    def quantised(self, type_: Type, values: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, Any]:
        """The same tensor in this type: of the same shape in F32 and F16, else bytes with a row's length last."""
        if type_ == F32:
            return values
        if type_ == F16:
            return values.astype(np.float16)
        length = values.shape[-1]
        rows = np.ascontiguousarray(values.reshape(-1, length))
        size = length // type_.block * type_.size
        if self._row_size(type_.number, length) != size:
            raise StoreError(f"`xllamacpp` keeps `{type_.name}` in another way than is known here.")
        made = np.empty((len(rows), size), dtype=np.uint8)

        def some(begin: int) -> None:
            many = min(_ROWS_AT_ONCE, len(rows) - begin)
            source, target = rows[begin:].ctypes.data, made[begin:].ctypes.data
            self._quantise(type_.number, source, target, 0, many, length, None)

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            list(threads.map(some, range(0, len(rows), _ROWS_AT_ONCE)))
        return made.reshape(*values.shape[:-1], size)
