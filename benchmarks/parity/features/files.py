"""Pictures, documents, and where a text is from."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from benchmarks.parity.features.numbers import answering
from benchmarks.parity.probes import Probe
from benchmarks.parity.wishes import Paper, Picture, Turn, Wish
from freehold.providers.simulated.script import Citation


def _png(shade: int) -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(bytes((0, shade)))) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + rest).decode()


PICTURE = _png(0)
_OTHER = _png(255)
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n").decode()
_NOTES = "Zürich lies on a lake."
FILES = "https://files.example"
"""Stands for where they are served."""


def _asked(feature: str, name: str, *pieces: str | Picture | Paper, **more: Any) -> Probe:
    wish = Wish(turns=(Turn("user", pieces),))
    return Probe(feature=feature, name=name, asks=(wish,), **more)


IMAGES = [
    _asked("images", "one", "What is this?", Picture(data=PICTURE)),
    _asked(
        "images",
        "two among words",
        "First:",
        Picture(data=PICTURE),
        "second:",
        Picture(data=_OTHER),
        "Compare.",
    ),
    _asked("images", "behind a URL", "What is this?", Picture(url=f"{FILES}/cat.png")),
    _asked(
        "images",
        "looked at closely",
        "What is this?",
        Picture(data=PICTURE, detail="high"),
        inbound=("openai-chat", "openai-responses"),
    ),
]

DOCUMENTS = [
    _asked("document", "PDF", Paper("report.pdf", data=PDF), "Sum it up."),
    _asked("document", "plain text", Paper("notes.txt", text=_NOTES), "Sum it up.", keeps=(_NOTES,)),
    _asked(
        "document",
        "behind a URL",
        Paper("report.pdf", url=f"{FILES}/report.pdf"),
        "Sum it up.",
        inbound=("openai-responses", "anthropic-messages", "gemini"),
    ),
    Probe(
        feature="document",
        name="cited web page",
        asks=(Wish(turns=(Turn("user", ("Where does Zürich lie?",)),)),),
        behaves=answering(
            "On a lake, they say.",
            citations=(
                Citation(url="https://example.com/z", title="Zürich", quote="lies on a lake", start=0, end=9),
            ),
        ),
    ),
]

PROBES = [*IMAGES, *DOCUMENTS]
