"""What an answer is called, so that a client can go on from it."""

from __future__ import annotations

from freehold.wire.request import Request

PREFIX = "resp_"


def response_id_of(call_id: str) -> str:
    """The id that a call's answer has in the Responses API."""
    return PREFIX + call_id.removeprefix("call_")


def is_kept(request: Request) -> bool:
    """Whether the client wants the answer to be kept, so that it can go on from it."""
    return "store" not in request.fields or bytes(request.fields["store"]) != b"false"
