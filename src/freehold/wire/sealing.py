"""Opaque reasoning state in the hands of clients: sealed with where it is from, so that it finds back there alone.

A client sends back what it was given, whichever provider answers next. Sealed state is base64, as some SDKs
demand of it, and begins with `freehold`, so that it is found in a body without reading it.
"""

from __future__ import annotations

import base64

import msgspec

from freehold.core.parts import State

MARK = "freehold"
"""What sealed state begins with. Eight letters are six bytes of base64: what follows can be decoded alone."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(State).decode


def seal(state: State) -> str:
    """The state as a client is given it. What has no origin is given as it is."""
    if state.origin is None:
        return state.data
    return MARK + base64.b64encode(_encode(state)).decode()


def unseal(text: str, kind: str) -> State:
    """What a client sent back, sealed or as a provider made it; `kind` is what its place in the dialect means."""
    if text.startswith(MARK):
        try:
            return _decode(base64.b64decode(text[len(MARK) :], validate=True))
        except (ValueError, RecursionError):
            pass  # begins so by chance, or was changed: nobody's state
    return State(data=text, kind=kind)  # type: ignore[arg-type]


def is_for(state: State, origin: str, *, same_dialect: bool) -> bool:
    """Whether the state may be sent to the provider `origin`. State without an origin passed through untouched
    within one dialect; it goes to whoever speaks that.
    """
    return state.origin == origin if state.origin is not None else same_dialect
