"""Documents as one long row of tokens on disk, cut into windows of equal length.

A window may hold the end of one document and the beginning of the next, with `<|endoftext|>` between them, and
attention does look across it: nothing is padded, and the plain causal mask is the fastest there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy

# ruff: noqa: PLC0415 - numpy is imported by what counts, and by nothing that only knows of this module

_AT_ONCE = 512
"""Documents that are encoded together."""
_KIND = "<u4"


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """One row of tokens on disk."""

    file: Path
    tokens: int
    size: int
    """Bytes of text (UTF-8) that they stand for; separators stand for none."""

    def row(self) -> numpy.ndarray[Any, Any]:
        """Its tokens, read from the disk as they are asked for."""
        import numpy

        if not self.tokens:  # an empty file cannot be mapped
            return numpy.empty(0, dtype=_KIND)
        return numpy.memmap(self.file, dtype=_KIND, mode="r", shape=(self.tokens,))


def pack(
    texts: Iterable[str],
    encode: Callable[[list[str]], Sequence[Sequence[int]]],
    *,
    end: int,
    folder: Path,
    name: str,
) -> None:
    """Write these documents as tokens into the folder, with `end` before each. Whole or not at all."""
    import numpy

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.bin"
    tokens = size = 0
    with file.open("wb") as kept:
        for some in _in_groups(texts):
            size += sum(len(text.encode()) for text in some)
            for ids in encode(some):
                kept.write(numpy.array([end, *ids], dtype=_KIND).tobytes())
                tokens += len(ids) + 1
    about = folder / f"{name}.json"
    new = about.with_suffix(".new")
    new.write_bytes(msgspec.json.encode({"tokens": tokens, "size": size}))
    new.replace(about)


def is_packed(folder: Path, name: str) -> bool:
    """Whether the row of that name was written to its end."""
    return (folder / f"{name}.json").is_file()


def packed_in(folder: Path, name: str) -> Packed:
    """The row of that name."""
    about = msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=dict[str, int])
    return Packed(file=folder / f"{name}.bin", tokens=about["tokens"], size=about["size"])


class Windows:
    """The windows of a row of tokens, in an order that the seed fixes: another one each time round."""

    def __init__(self, packed: Packed, *, context: int, seed: int) -> None:
        self._row = packed.row()
        self._context = context
        self._seed = seed
        self.count = max(0, (packed.tokens - 1) // context)
        self._round = -1
        self._order: numpy.ndarray[Any, Any] | None = None

    def batch(self, numbers: Iterable[int]) -> numpy.ndarray[Any, Any]:
        """The windows that are read as the `number`th of all, each with the token that comes after it."""
        import numpy

        rows = [self._window(self._at(number)) for number in numbers]
        return numpy.stack(rows).astype(numpy.int64)

    def first(self, most: int) -> Iterator[numpy.ndarray[Any, Any]]:
        """The first windows of the text, one after another."""
        for number in range(min(most, self.count)):
            yield self._window(number)

    def _at(self, number: int) -> int:
        import numpy

        turn, place = divmod(number, self.count)
        if turn != self._round:
            self._order = numpy.random.default_rng([self._seed, turn]).permutation(self.count)
            self._round = turn
        assert self._order is not None
        return int(self._order[place])

    def _window(self, number: int) -> numpy.ndarray[Any, Any]:
        begin = number * self._context
        return self._row[begin : begin + self._context + 1]


def _in_groups(texts: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some
