"""The dialect as clouds host it: the address names the model and the way of answering, the body the version."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields

Host = Literal["bedrock", "vertex"]

_VERSIONS: dict[Host, str] = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
_decode = msgspec.json.Decoder(Fields).decode


def for_host(body: bytes, host: Host) -> bytes:
    """An encoded request in the form that Bedrock's InvokeModel or Vertex AI's rawPredict takes.

    Vertex reads `stream` from the body, Bedrock has another address for streams.
    """
    fields = _decode(body)
    fields.pop("model", None)
    if host == "bedrock":
        fields.pop("stream", None)
    return msgspec.json.encode({"anthropic_version": _VERSIONS[host], **fields})
