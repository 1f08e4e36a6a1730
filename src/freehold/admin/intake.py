"""Reads requests: parameters and bodies, within bounds, into the types that an operation declares."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from freehold.admin.operation import Operation
from freehold.core.errors import BadRequest, BodyTooLarge, ClientGone, RequestTimeout, UnsupportedMediaType

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_SECONDS = 30.0
_MOST_PARAMETERS = 50


def read_query(operation: Operation, text: bytes) -> msgspec.Struct:
    """The parameters behind `?`. Raises BadRequest."""
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict"
        )
    except ValueError:
        raise BadRequest("The parameters behind `?` cannot be read.") from None
    found: dict[str, str] = {}
    known = operation.query.__struct_encode_fields__
    for name, value in pairs:
        if name not in known:
            told = ", ".join(f"`{one}`" for one in known) or "none"
            raise BadRequest(
                f"There is no parameter `{name[:100]}`.", hint=f"Known here: {told}.", param=name[:100]
            )
        if name in found:
            raise BadRequest(f"The parameter `{name}` is given twice.", param=name)
        found[name] = value
    try:
        return msgspec.convert(found, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"A parameter is not what it has to be: {error}.") from None


async def read_body(operation: Operation, scope: Any, receive: Receive, most: int) -> msgspec.Struct | None:
    """The body of a request. Raises BadRequest, BodyTooLarge, RequestTimeout, UnsupportedMediaType."""
    headers = dict(scope["headers"])
    if not _has_body(headers):
        data = b""
    else:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                data = await _gather(headers, receive, most)
        except TimeoutError:
            raise RequestTimeout(f"The body did not arrive within {BODY_SECONDS:g} s.") from None
    if operation.body is None:
        if data:
            raise BadRequest("This takes no body.")
        return None
    kind = headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower()
    if kind != b"application/json":
        raise UnsupportedMediaType("The body has to be JSON.", hint="Send `content-type: application/json`.")
    try:
        return msgspec.json.decode(data, type=operation.body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body is not what it has to be: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("The body is not JSON.") from None


def _has_body(headers: dict[bytes, bytes]) -> bool:
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


async def _gather(headers: dict[bytes, bytes], receive: Receive, most: int) -> bytes:
    announced = headers.get(b"content-length", b"")
    too_large = BodyTooLarge(f"The body is over {most} bytes.")
    if announced.isdigit() and int(announced) > most:
        raise too_large
    data = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("The client hung up.")
        data += message.get("body", b"")
        if len(data) > most:
            raise too_large
        if not message.get("more_body", False):
            return bytes(data)
