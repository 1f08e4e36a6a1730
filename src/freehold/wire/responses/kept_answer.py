"""An answer that Freehold keeps in its provider's place, told as if the client's own request had reached the provider.

The provider is asked neither to keep it nor to go on from anything, and says so in the Response object.
"""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.wire.reading import without_halves
from freehold.wire.responses.vocabulary import UNREADABLE, encode
from freehold.wire.sse import data_of

_decode = msgspec.json.Decoder(Fields).decode
_TRUE = msgspec.Raw(b"true")


class Said(msgspec.Struct, frozen=True):
    """What the client said that is Freehold's to do, and that no provider was told."""

    kept: bool
    continues: str | None
    background: bool = False


def retold(response: bytes, said: Said) -> bytes:
    """The Response object with what the client said of keeping it, and which one it goes on from."""
    fields = _fields(response)
    if said.kept:
        fields["store"] = _TRUE
    if said.background:
        fields["background"] = _TRUE
    fields["previous_response_id"] = msgspec.Raw(encode(said.continues))
    return encode(fields)


def _fields(body: bytes) -> Fields:
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return _decode(without_halves(body))


def retold_event(frame: bytes, said: Said) -> bytes:
    """The same for the Response object in an event of a stream; other events as they are."""
    if b'"response"' not in frame:
        return frame
    data = data_of(frame)
    if data is None or data not in frame:
        return frame
    try:
        fields = _fields(data)
        if not bytes(fields.get("response", b"")).startswith(b"{"):
            return frame
        response = retold(bytes(fields["response"]), said)
    except UNREADABLE:
        return frame
    return frame.replace(data, encode({**fields, "response": msgspec.Raw(response)}), 1)
