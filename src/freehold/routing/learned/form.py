"""The file of a router: a line that names it, a header in JSON, and numbers. Nothing in it is code.

    freehold-router 1\\n      18 bytes
    length of the header     8 bytes, little endian
    header                   JSON: `about` and the arrays, each with its name, kind and shape; blanks up to 64 bytes
    arrays                   one after the other, little endian, as the header names them

Its name is its content's: whoever finds a router by its hash finds what was certified.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any

import msgspec
import numpy as np

from freehold.core.errors import StoreError
from freehold.routing.learned.hashing import PLACES
from freehold.routing.learned.model import PARTS, Likeness, Model, Runs, Topics
from freehold.routing.learned.router import MAX_MODELS, About, Router
from freehold.routing.learned.shape import SIZE

MAGIC = b"freehold-router 1\n"
MAX_HEADER = 1 << 18
MAX_BYTES = 1 << 28
"""Of a file: larger ones are not read."""
_MAX_ROWS = 1 << 16
_MAX_TOPICS = 256

_ALIGNED = 64
"""Numbers begin at a multiple of it, as processors like to read them."""

_KINDS = {"float32": "<f4", "uint32": "<u4"}


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An array in the file."""

    name: Annotated[str, msgspec.Meta(max_length=40)]
    kind: Annotated[str, msgspec.Meta(max_length=10)]
    shape: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=1 << 28)], ...], msgspec.Meta(max_length=2)]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says of itself."""

    about: About
    arrays: Annotated[tuple[Kept, ...], msgspec.Meta(max_length=40)]


def write_router(about: About, model: Model) -> tuple[bytes, str]:
    """The file's content and its hash."""
    arrays = _arrays_of(model)
    kept = tuple(Kept(name, array.dtype.name, array.shape) for name, array in arrays.items())
    header = msgspec.json.encode(Header(about, kept))
    header += b" " * (-(len(MAGIC) + 8 + len(header)) % _ALIGNED)
    parts = [MAGIC, len(header).to_bytes(8, "little"), header]
    parts += [np.ascontiguousarray(array, _KINDS[array.dtype.name]).tobytes() for array in arrays.values()]
    content = b"".join(parts)
    return content, sha256(content).hexdigest()


def read_about(start: bytes, name: str) -> About:
    """What a file says of itself, of its first bytes alone. Raises StoreError."""
    return _header(start, name)[0].about


def read_router(content: bytes, name: str) -> Router:
    """The router of a file's content; `name` is for people. Raises StoreError."""
    header, at = _header(content, name)
    arrays: dict[str, Any] = {}
    for one in header.arrays:
        kind = _KINDS.get(one.kind)
        size = int(np.prod(one.shape, dtype=np.int64)) * 4
        if kind is None or at + size > len(content) or one.name in arrays:
            raise _broken(name)
        arrays[one.name] = np.frombuffer(content, kind, size // 4, at).reshape(one.shape)
        at += size
    try:
        model = _model_of(arrays, len(header.about.models))
    except (KeyError, ValueError):
        raise _broken(name) from None
    if at != len(content) or not all(np.isfinite(one).all() for one in arrays.values()):
        raise _broken(name)
    return Router(header.about, model, sha256(content).hexdigest())


def _header(content: bytes, name: str) -> tuple[Header, int]:
    start = len(MAGIC) + 8
    if not content.startswith(MAGIC) or len(content) < start or len(content) > MAX_BYTES:
        raise _broken(name)
    length = int.from_bytes(content[len(MAGIC) : start], "little")
    if length > MAX_HEADER or start + length > len(content):
        raise _broken(name)
    try:
        header = msgspec.json.decode(content[start : start + length], type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _broken(name) from None
    about = header.about
    if set(about.chosen) - set(about.models) or len(set(about.models)) != len(about.models):
        raise _broken(name)
    if len(about.seen.counts) != len(about.seen.edges) + 1:
        raise _broken(name)
    return header, start + length


def _broken(name: str) -> StoreError:
    return StoreError(
        f"`{name}` is not a router of this version of Freehold, or was changed.",
        hint="Make it anew: `freehold router fit`.",
    )


def _arrays_of(model: Model) -> dict[str, Any]:
    return {
        "words.idf": model.words.idf,
        "words.weights": model.words.weights,
        "letters.idf": model.letters.idf,
        "letters.weights": model.letters.weights,
        "topics.places": model.topics.places,
        "topics.table": model.topics.table,
        "shape.mean": model.shape_mean,
        "shape.deviation": model.shape_deviation,
        "shape.landmarks": model.shape.landmarks,
        "shape.weights": model.shape.weights,
        "mixed.landmarks": model.mixed.landmarks,
        "mixed.weights": model.mixed.weights,
        "widths": np.array([model.shape.width, model.mixed.width], np.float32),
        "mean": model.mean,
        "deviation": model.deviation,
        "slope": model.slope,
        "intercept": model.intercept,
    }


def _model_of(arrays: dict[str, Any], models: int) -> Model:
    """Raises KeyError, ValueError where the arrays do not fit together."""

    def array(name: str, *shape: int) -> Any:
        one = arrays.pop(name)
        if one.shape != shape:
            raise ValueError(name)
        return one

    rows, topics = arrays["topics.table"].shape
    landmarks = len(arrays["shape.landmarks"])
    if (
        models > MAX_MODELS
        or not 0 < rows <= _MAX_ROWS
        or not 0 < topics <= _MAX_TOPICS
        or landmarks > _MAX_ROWS
    ):
        raise ValueError
    shape_width, mixed_width = (float(one) for one in array("widths", 2))
    arrays = dict(arrays)
    made = Model(
        words=Runs(array("words.idf", PLACES), array("words.weights", PLACES, models)),
        letters=Runs(array("letters.idf", PLACES), array("letters.weights", PLACES, models)),
        topics=Topics(array("topics.places", rows), array("topics.table", rows, topics)),
        shape_mean=array("shape.mean", SIZE),
        shape_deviation=array("shape.deviation", SIZE),
        shape=_likeness(
            array("shape.landmarks", landmarks, SIZE), array("shape.weights", landmarks, models), shape_width
        ),
        mixed=_likeness(
            array("mixed.landmarks", landmarks, topics + SIZE),
            array("mixed.weights", landmarks, models),
            mixed_width,
        ),
        mean=array("mean", PARTS, models),
        deviation=array("deviation", PARTS, models),
        slope=array("slope", models),
        intercept=array("intercept", models),
    )
    if arrays or (made.deviation <= 0.0).any() or (made.shape_deviation <= 0.0).any():
        raise ValueError
    return made


def _likeness(landmarks: Any, weights: Any, width: float) -> Likeness:
    return Likeness(landmarks, (landmarks**2).sum(axis=1), weights, width)
