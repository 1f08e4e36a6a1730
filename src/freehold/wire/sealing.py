"""Opaque reasoning state in the hands of clients: sealed with where it is from, so that it finds back there alone.

A client sends back what it was given, whichever provider answers next. Sealed state is base64, as some SDKs
demand of it, and begins with `freehold`, so that it is found in a body without reading it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import msgspec

from freehold.core.parts import State
from freehold.wire.dialect import Recipient

MARK = "freehold"
"""What sealed state begins with. Eight letters are six bytes of base64: what follows can be decoded alone."""

_SEALED = re.compile(rb'(?<!\\)"%b(?:[^"\\]|\\.)*"' % MARK.encode())
"""A string of JSON that may be sealed state. Within another string its first quote would be escaped."""
_URL_SAFE = str.maketrans("-_", "+/")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(State).decode
_decode_text = msgspec.json.Decoder(str).decode


def seal(state: State) -> str:
    """The state as a client is given it. What has no origin is given as it is."""
    if state.origin is None:
        return state.data
    return MARK + base64.b64encode(_encode(state)).decode()


def unseal(text: str, kind: str) -> State:
    """What a client sent back, sealed or as a provider made it; `kind` is what its place in the dialect means."""
    return _read(text) or State(data=text, kind=kind)  # type: ignore[arg-type]


def is_for(state: State, recipient: Recipient, *, same_dialect: bool, of_model: bool = False) -> bool:
    """Whether the state may be sent to `recipient`. State without an origin was not sealed by us: it goes to
    whoever speaks the dialect it came in. `of_model`: no other model of the same account can read it either.
    """
    if state.origin is None:
        return same_dialect
    return state.origin == recipient.origin and (not of_model or state.model in (None, recipient.model))


def last_sealed(body: bytes) -> State | None:
    """The last sealed state in a body. A string that only begins like it is none."""
    return next(filter(None, map(_state_in, reversed(_SEALED.findall(body)))), None)


def opened(body: bytes, is_own: Callable[[State], bool]) -> bytes | None:
    """The body with the state in it as its maker made it, all else untouched; None when not all of it `is_own`."""
    all_own = True

    def open_one(found: re.Match[bytes]) -> bytes:
        nonlocal all_own
        state = _state_in(found.group()) if all_own else None
        if state is None:
            return found.group()
        all_own = is_own(state)
        return _encode(state.data)

    whole = _SEALED.sub(open_one, body)
    return whole if all_own else None


def _state_in(raw: bytes) -> State | None:
    try:
        return _read(_decode_text(raw))
    except msgspec.DecodeError:
        return None


def _read(text: str) -> State | None:
    if not text.startswith(MARK):
        return None
    inside = text[len(MARK) :].translate(_URL_SAFE)
    try:
        return _decode(base64.b64decode(inside + "=" * (-len(inside) % 4), validate=True))
    except (ValueError, RecursionError):
        return None  # begins so by chance, or was changed: nobody's state
