"""The dialect as clouds host it: the address names the model, the body the version, and some of it is said otherwise.

Amazon Bedrock: InvokeModel, InvokeModelWithResponseStream and CountTokens. Google Vertex AI: rawPredict and
streamRawPredict.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.wire.anthropic.errors import decode_error, encode_error
from freehold.wire.anthropic.headers import BETA, FIRST, VERSION, betas_of, lose_version
from freehold.wire.anthropic.request_in import refuse_thread
from freehold.wire.dialect import Hosting, NotAnAnswer, WireError

_VERSIONS: dict[Hosting, str] = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
"""What each calls the version of 2023-06-01."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_words = msgspec.json.Decoder(list[str] | None).decode
_encode = msgspec.json.Encoder().encode


class Hosted(msgspec.Struct, frozen=True):
    """A request as its host takes it."""

    body: bytes
    headers: dict[str, str]
    """Sent beside the host's own."""


def host_request(fields: Fields, host: Hosting, headers: Mapping[str, str], losses: Losses) -> Hosted:
    """The request for a host. `headers` are the client's; every value but those that hosting asks for stays the
    bytes it was.

    Bedrock reads betas in the body and has an address of its own for streams; Vertex reads betas in the header and
    `stream` in the body. Raises ThreadUnsupported, and BadRequest for a list of betas that is none.
    """
    refuse_thread(fields.get("thread"))
    changed = {name: raw for name, raw in fields.items() if name not in ("model", "thread")}
    betas = betas_of(headers)
    version = headers.get(VERSION, FIRST)
    if host == "bedrock":
        changed.pop("stream", None)
        lose_version(headers, losses)  # its older models know no other than their own
        version = FIRST
        if betas:
            changed[BETA.replace("-", "_")] = _raw(_joined(fields, betas))
    named = _raw(_VERSIONS[host] if version == FIRST else version)
    body = _encode({"anthropic_version": named, **_without(changed, "anthropic_version")})
    return Hosted(body, {BETA: ",".join(betas)} if betas and host == "vertex" else {})


def host_count(fields: Fields, host: Hosting, headers: Mapping[str, str], losses: Losses) -> Hosted:
    """The same for a request whose tokens are to be counted.

    Vertex wants the model in the body here. Bedrock wants the whole request, in base64, with a bound on the answer.
    """
    hosted = host_request(fields, host, headers, losses)
    inner = _decode_fields(hosted.body)
    if host == "vertex":
        return Hosted(_encode({"model": fields["model"], **inner}), hosted.headers)
    inner.setdefault("max_tokens", _raw(_room_for_thought(inner)))
    body = base64.b64encode(_encode(inner)).decode()
    return Hosted(_encode({"input": {"invokeModel": {"body": body}}}), hosted.headers)


def own_count(answer: bytes, host: Hosting) -> bytes:
    """A host's count in Anthropic's own form. Raises NotAnAnswer."""
    if host == "vertex":
        return answer
    try:
        return _encode({"input_tokens": _decode_count(answer).input_tokens})
    except _UNREADABLE as error:
        raise NotAnAnswer(f"The body is not a count of tokens: {error}") from None


def own_error(status: int, body: bytes) -> bytes:
    """A host's error in Anthropic's own form; what is of that form already stays the bytes it was."""
    try:
        told = _decode_kind(body)
    except _UNREADABLE:
        told = _Kind()
    if told.type == "error":
        return body
    if body.lstrip().startswith(b"["):  # Google's, from a method that streams
        body = body.strip()[1:-1]
    if not body.lstrip().startswith(b"{"):
        return body  # a page of whatever stands before the host
    return encode_error(WireError(status=status, message=decode_error(status, body).message))


class _Count(msgspec.Struct):
    input_tokens: int = msgspec.field(name="inputTokens")


class _Kind(msgspec.Struct):
    type: str | None = None


class _Thinking(msgspec.Struct):
    budget_tokens: int | None = None


_decode_count = msgspec.json.Decoder(_Count).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_thinking = msgspec.json.Decoder(_Thinking | None).decode


def _joined(fields: Fields, betas: list[str]) -> list[str]:
    """The betas of the header, after those that stood in the body."""
    try:
        given = _decode_words(fields.get("anthropic_beta", b"null")) or []
    except _UNREADABLE:
        raise BadRequest(
            "The field `anthropic_beta` is not a list of words.", param="anthropic_beta"
        ) from None
    return list(dict.fromkeys([*given, *betas]))


def _room_for_thought(fields: Fields) -> int:
    """The least bound on the answer that goes with the bound on reasoning; it does not change the count."""
    try:
        thinking = _decode_thinking(fields.get("thinking", b"null"))
    except _UNREADABLE:
        thinking = None
    return 1 + ((thinking and thinking.budget_tokens) or 0)


def _without(fields: Fields, name: str) -> Fields:
    return {one: raw for one, raw in fields.items() if one != name}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
