"""What a file is, by its bytes, and `data:` URLs."""

from __future__ import annotations

import asyncio
import base64
import io
import time
import zipfile

import pytest
from fetching import PNG, quick
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.providers.fetch.embedded import read_data_url
from freehold.providers.fetch.fetcher import Fetched, Fetcher
from freehold.providers.fetch.kinds import fits, sniff


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "application/epub+zip" if name == "mimetype" else "x")
    return file.getvalue()


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("data", "declared", "kind"),
    [
        (PNG, "text/plain", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", None, "image/jpeg"),
        (b"GIF89a\x01\x00", "image/png", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", None, "image/webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", None, "audio/wav"),
        (b"\x00\x00\x00\x20ftypavif\x00\x00", None, "image/avif"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00", None, "video/mp4"),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00", None, "audio/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00", None, "video/quicktime"),
        (b"%PDF-1.7\n%\xe2\xe3", "application/octet-stream", "application/pdf"),
        (b"ID3\x04\x00\x00", None, "audio/mpeg"),
        (b"\xff\xfb\x90\x64\x00", None, "audio/mpeg"),
        (b"\xff\xf1\x50\x80\x00", None, "audio/aac"),
        (b"fLaC\x00\x00\x00\x22", None, "audio/flac"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x13OpusHead", None, "audio/ogg"),
        (b"OggS\x00\x02" + bytes(22) + b"\x80theora", None, "video/ogg"),
        (b"\x1aE\xdf\xa3\x93B\x82", None, "video/webm"),
        (b"\x1aE\xdf\xa3\x93B\x82", "audio/webm;codecs=opus", "audio/webm"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00", "audio/mp4", "audio/mp4"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00", "image/png", "video/mp4"),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36", None, "image/bmp"),
        (zipped("[Content_Types].xml", "word/document.xml"), None, WORD),
        (zipped("mimetype"), None, "application/epub+zip"),
        (zipped("a.exe"), WORD, None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), "application/msword", "application/msword"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), "image/png", "application/x-ole-storage"),
        (b"a,b\n1,2\n", "text/csv; charset=utf-8", "text/csv"),
        (b"a,b\n1,2\n", "image/png", "text/plain"),
        (b'{"a": 1}', "application/json", "application/json"),
        (b"  <!DocType HTML>\n<p>", "text/plain", "text/html"),
        ("Grüße\n".encode(), None, "text/plain"),
        (b"BMW FORM ID3 RIFF GIF", None, "text/plain"),
        (b"MZ\x90\x00\x03", "image/png", None),
        (b"\x7fELF\x02\x01", None, None),
        ("Grüße".encode("latin-1"), "text/plain", None),
        (b"", "image/png", None),
    ],
)
def test_kinds_by_their_bytes(data: bytes, declared: str | None, kind: str | None) -> None:
    assert sniff(data, declared) == kind


@given(st.binary(max_size=64), st.text(max_size=20) | st.none())
def test_any_bytes_are_something_or_nothing(data: bytes, declared: str | None) -> None:
    kind = sniff(data, declared)
    assert kind is None or "/" in kind


def test_looking_at_a_file_takes_no_time() -> None:
    for data in (
        b"<!--" * 500_000,
        b" " * 2_000_000,
        b"OggS\x00" + b"\x80" * 2_000_000,
        b"PK\x03\x04" + b"[" * 2_000_000,
    ):
        begun = time.perf_counter()
        sniff(data)
        assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("kind", "wanted", "good"),
    [
        ("image/png", ("image",), True),
        ("image/png", ("image/jpeg",), False),
        ("image/png", ("image/*",), True),
        ("application/pdf", ("document",), True),
        ("text/csv", ("document",), True),
        ("video/mp4", ("audio", "video"), True),
        ("application/x-ole-storage", ("document",), False),
        ("image/png", (), False),
    ],
)
def test_what_was_asked_for(kind: str, wanted: tuple[str, ...], good: bool) -> None:
    assert fits(kind, wanted) is good


def fetched(url: str, *kinds: str, **changes: int) -> Fetched:
    async def main() -> Fetched:
        return await Fetcher(quick(**changes)).fetch(url, kinds=kinds)

    return asyncio.run(main())


def test_a_data_url_is_its_own_file() -> None:
    encoded = base64.b64encode(PNG).decode()
    for url in (
        f"data:image/png;base64,{encoded}",
        f"DATA:;Base64,{encoded.rstrip('=')}",
        f"data:image/png;x=y;base64,{encoded[:8]}\n {encoded[8:]}",
        f"data:image/png;base64,{encoded.replace('+', '%2B').replace('=', '%3D')}",
    ):
        file = fetched(url, "image")
        assert (file.data, file.mime_type, file.url) == (PNG, "image/png", "data:image/png")
    assert fetched("data:,Hello%20w%C3%B6rld", "document").data == "Hello wörld".encode()
    assert fetched("data:text/csv;charset=utf-8,a%2Cb", "text/*").mime_type == "text/csv"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("data:image/png;base64", "no comma"),
        ("data:" + "x" * 5000 + ",", "no comma"),
        ("data:image/png;base64,!!!!", "not valid base64"),
        ("data:image/png;base64,AAAAA", "not valid base64"),
        ("data:image/png;base64," + "A" * 200_000, "more than 100000 bytes"),
        ("data:," + "A" * 200_000, "more than 100000 bytes"),
        ("data:," + "A" * 2_000_000, "more than 100000 bytes"),
        ("data:,\ud800", "of no known type|text/plain"),
        ("data:image/png;base64,SGVsbG8=", "is text/plain, and not image"),
        ("data:image/png;base64,", "of no known type"),
    ],
)
def test_data_urls_that_are_refused(url: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        fetched(url, "image")
    assert len(str(caught.value)) < 200


def test_escapes_are_bounded() -> None:
    with pytest.raises(BadRequest, match="more than"):
        read_data_url("data:," + "%41" * 300_000, 10_000_000)


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_survive_a_data_url(data: bytes) -> None:
    assert read_data_url("data:;base64," + base64.b64encode(data).decode(), 300)[0] == data
    escaped = "".join(f"%{byte:02X}" for byte in data)
    assert read_data_url("data:text/plain," + escaped, 300)[0] == data
