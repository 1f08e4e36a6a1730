"""What the beginning of a GGUF file says about the model in it, read without llama.cpp and without its weights."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_TOKENS = "tokenizer.ggml.tokens"
_MOST_DIMENSIONS = 8
_KEPT_ITEMS = 1024
"""Of an array: those of one number a layer are needed, those of one text a token are not."""
_MOST_VALUES, _MOST_TEXTS, _LONGEST_TEXT = 1 << 16, 1 << 21, 1 << 24
"""More than any model says of itself: reading goes on for hours in a file that is made to be read for hours."""
_MOST_LAYERS = 1 << 16
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2),
}  # fmt: skip
"""Type of a tensor -> how many numbers are kept together, in how many bytes; others are not measured."""


class Malformed(ValueError):
    """The file is no GGUF file, or only a part of one. The message goes on from `it`: `is cut off …`."""


class Header(msgspec.Struct, frozen=True):
    """Facts of a model that decide how it is served. None: the file does not say."""

    architecture: str
    name: str | None
    context: int | None
    """Tokens that it was trained for."""
    cache_bytes: int
    """That a token of context takes: keys and values of all layers, 16 bits each."""
    width: int
    vocabulary: int
    pools: bool
    """Whether it says how vectors of tokens become one of a text."""


def read_header(path: Path) -> Header:
    """Raises OSError and Malformed."""
    with path.open("rb") as file:
        reader = _Reader(file)
        values = reader.values(until_enough=True)
    return _header_of(values)


def check_whole(path: Path) -> None:
    """See that the file has every byte that its tables speak of. Raises OSError and Malformed."""
    with path.open("rb") as file:
        _Reader(file).check_tensors()


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        magic = file.read(4)
        if magic != _MAGIC:
            what = "is empty" if not magic else f"is no GGUF file: it begins with {magic!r}"
            raise Malformed(what)
        (version,) = self._numbers("I")
        if version not in _VERSIONS:
            raise Malformed(f"is a GGUF file of version {version}, and only 2 and 3 are read")
        self._tensors, self._values = self._numbers("QQ")
        if max(self._tensors, self._values) > self._size:
            raise Malformed("is damaged: its table of contents is larger than the file")
        if self._values > _MOST_VALUES:
            raise Malformed(f"is damaged: it says {self._values:,} things of itself")

    def values(self, *, until_enough: bool = False) -> dict[str, Any]:
        """Everything it says of itself. `until_enough`: not beyond the list of its tokens, which is long."""
        found: dict[str, Any] = {}
        for _ in range(self._values):
            key = self._text()
            (kind,) = self._numbers("I")
            if key == _TOKENS and until_enough and any(one.endswith(".block_count") for one in found):
                _, length = self._numbers("IQ")
                found[key] = length
                break
            found[key] = self._value(kind)
        return found

    def check_tensors(self) -> None:
        values = self.values()
        places = []
        for _ in range(self._tensors):
            name = self._text()
            (count,) = self._numbers("I")
            if count > _MOST_DIMENSIONS:
                raise Malformed(f"is damaged: its tensor `{name[:60]}` has {count} dimensions")
            dimensions = self._numbers("Q" * count)
            kind, offset = self._numbers("IQ")
            together, taken = _BLOCKS.get(kind, (1, 0))
            places.append((offset + math.prod(dimensions) // together * taken, name))
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise Malformed("is damaged: its `general.alignment` is no number")
        start = -(-self._file.tell() // alignment) * alignment
        end, name = max(places, default=(0, ""))
        if start + end > self._size:
            raise Malformed(
                f"is cut off: its tensor `{name[:60]}` ends at byte {start + end:,}, and it has {self._size:,}"
            )

    def _bytes(self, count: int) -> bytes:
        found = self._file.read(count)
        if len(found) != count:
            raise Malformed(f"is cut off within its table of contents, after {self._size:,} bytes")
        return found

    def _numbers(self, form: str) -> tuple[Any, ...]:
        form = f"<{form}"
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _text(self) -> str:
        (length,) = self._numbers("Q")
        if length > min(_LONGEST_TEXT, self._size):
            raise Malformed("is damaged: a text in it is longer than any model's, or than the file")
        return self._bytes(length).decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            if kind not in _NUMBERS:
                raise Malformed(f"is damaged: a value in it is of the unknown type {kind}")
            return self._numbers(_NUMBERS[kind])[0]
        inner, length = self._numbers("IQ")
        if inner not in _NUMBERS and inner != _STRING:
            raise Malformed(f"is damaged: a list in it is of the unknown type {inner}")
        if length > self._size:
            raise Malformed("is damaged: a list in it is longer than the file")
        if inner == _STRING:
            if length > _MOST_TEXTS:
                raise Malformed(f"is damaged: a list in it has {length:,} texts")
            texts = (self._text() for _ in range(length))
            kept = [text for place, text in enumerate(texts) if place < _KEPT_ITEMS]
            return kept if length <= _KEPT_ITEMS else length
        letter = _NUMBERS[inner]
        if length > _KEPT_ITEMS:
            self._skip(struct.calcsize(f"<{letter}") * length)
            return length
        return list(self._numbers(f"{length}{letter}"))

    def _skip(self, count: int) -> None:
        if self._file.seek(count, os.SEEK_CUR) > self._size:
            raise Malformed(f"is cut off within its table of contents, after {self._size:,} bytes")


def _header_of(values: dict[str, Any]) -> Header:
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str):
        raise Malformed("does not say what kind of model it is (`general.architecture`)")

    def number(name: str) -> int | None:
        value = values.get(f"{architecture}.{name}")
        return value if isinstance(value, int) and value > 0 else None

    width, layers = number("embedding_length") or 0, number("block_count") or 0
    if layers > _MOST_LAYERS:
        raise Malformed(f"is damaged: it says that it has {layers:,} layers")
    heads = values.get(f"{architecture}.attention.head_count")
    kept = values.get(f"{architecture}.attention.head_count_kv", heads)
    head = max(heads) if isinstance(heads, list) and heads else heads
    length = width // head if isinstance(head, int) and head else 0
    key = number("attention.key_length") or length
    value = number("attention.value_length") or length
    per_layer = kept if isinstance(kept, list) else [kept if isinstance(kept, int) else 0] * layers
    tokens = values.get(_TOKENS)
    vocabulary = len(tokens) if isinstance(tokens, list) else tokens
    name = values.get("general.name")
    pooling = values.get(f"{architecture}.pooling_type")
    return Header(
        architecture,
        name if isinstance(name, str) else None,
        number("context_length"),
        sum(one for one in per_layer if isinstance(one, int)) * (key + value) * 2,
        width,
        vocabulary if isinstance(vocabulary, int) else number("vocab_size") or 0,
        bool(pooling),
    )
