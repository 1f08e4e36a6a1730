"""The beginning of a GGUF file is read by the endpoint itself: no file may take its time or its memory."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from freehold.providers.local.gguf import Malformed, read_header

_UNSIGNED, _TEXT, _LIST = 10, 8, 9


def test_an_honest_file_is_read(tmp_path: Path) -> None:
    header = read_header(_file(tmp_path, _number("llama.block_count", 30)))
    assert header.architecture == "llama"
    assert header.cache_bytes == 30 * 4 * (16 + 16) * 2


@pytest.mark.parametrize("layers", [10**8, 2**64 - 1])
def test_more_layers_than_any_model_has(tmp_path: Path, layers: int) -> None:
    with pytest.raises(Malformed, match="layers"):
        read_header(_file(tmp_path, _number("llama.block_count", layers)))


def test_a_list_of_texts_without_end(tmp_path: Path) -> None:
    """The file is as long as it says, and takes no room: all of it is nothing."""
    endless = _text("names") + struct.pack("<IIQ", _LIST, _TEXT, 10**9)
    with pytest.raises(Malformed, match="1,000,000,000 texts"):
        read_header(_file(tmp_path, endless, size=10**10))


def test_a_text_that_fills_the_memory(tmp_path: Path) -> None:
    endless = _text("name") + struct.pack("<IQ", _TEXT, 10**10)
    with pytest.raises(Malformed, match="a text in it is longer"):
        read_header(_file(tmp_path, endless, size=10**11))


def test_things_without_end(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="things of itself"):
        read_header(_file(tmp_path, size=10**10, things=10**9))


def test_numbers_without_end_are_not_read(tmp_path: Path) -> None:
    endless = _text("numbers") + struct.pack("<IIQ", _LIST, _UNSIGNED, 10**9)
    with pytest.raises(Malformed, match="cut off"):
        read_header(_file(tmp_path, endless, size=10**9))


def _file(folder: Path, *more: bytes, size: int = 4096, things: int | None = None) -> Path:
    said = [
        _text("general.architecture") + struct.pack("<I", _TEXT) + _text("llama"),
        _number("llama.attention.head_count", 4),
        _number("llama.embedding_length", 64),
        *more,
    ]
    path = folder / "made.gguf"
    with path.open("wb") as file:
        file.write(
            b"GGUF" + struct.pack("<IQQ", 3, 0, len(said) if things is None else things) + b"".join(said)
        )
        file.truncate(size)
    return path


def _number(name: str, value: int) -> bytes:
    return _text(name) + struct.pack("<IQ", _UNSIGNED, value)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()
