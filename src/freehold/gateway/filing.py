"""Files and batches at the door: which path is which, and what is handed to whoever keeps them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from freehold.access.key import Key
from freehold.core.errors import BadRequest, MethodNotAllowed, NotFound, Overloaded
from freehold.core.places import Places
from freehold.gateway.gate import Gate
from freehold.gateway.intake import Heading, Scope, read_body
from freehold.gateway.protocol import CONNECTION, ClientConnection
from freehold.gateway.replies import JSON, Headers, Receive, Send, send_whole
from freehold.gateway.settings import ServerSettings
from freehold.gateway.uploads import read_form

_FILES = "/v1/files"
_BATCHES = "/v1/batches"
_MESSAGE_BATCHES = "/v1/messages/batches"
_OCTETS = (b"content-type", b"application/octet-stream")
_LINES = (b"content-type", b"application/x-jsonl")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,300}")
_LIFETIME = ("expires_after[anchor]", "expires_after[seconds]")
_SHORTEST_LIFE, _LONGEST_LIFE = 3600, 2_592_000
_MOST_UPLOADS = 32


class Content(Protocol):
    """A file on its way to a client."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def pieces(self) -> AsyncGenerator[bytes, None]:
        """Its content."""


class Desk(Protocol):
    """Who keeps files and works batches off: `batches.desk.Desk`. Every method may raise NotFound and BadRequest."""

    @property
    def max_file_bytes(self) -> int:
        """Of an upload."""

    async def begin_upload(self) -> Any:
        """A draft, for the next three."""

    async def write(self, draft: Any, data: bytes) -> None:
        """Append to it."""

    async def discard(self, draft: Any) -> None:
        """Give it up; nothing when it was kept."""

    async def keep(
        self, draft: Any, key: Key, *, name: str, purpose: str, expires_after: int | None
    ) -> bytes:
        """Make a file of it."""

    async def list_files(
        self, key: Key, *, purpose: str | None, after: str | None, limit: int, ascending: bool
    ) -> bytes:
        """A page of files."""

    async def show_file(self, file_id: str, key: Key) -> bytes:
        """One file."""

    async def delete_file(self, file_id: str, key: Key) -> bytes:
        """Take it away."""

    async def read_file(self, file_id: str, key: Key) -> Content:
        """What is in it."""

    async def create_batch(self, body: bytes, key: Key, *, strict: bool, keep_bodies: bool) -> bytes:
        """Begin a batch in OpenAI's form."""

    async def list_batches(self, key: Key, *, after: str | None, limit: int) -> bytes:
        """A page of them."""

    async def show_batch(self, batch_id: str, key: Key) -> bytes:
        """One."""

    async def cancel_batch(self, batch_id: str, key: Key) -> bytes:
        """Begin no further line of it."""

    async def create_message_batch(
        self, body: bytes, key: Key, base_url: str, *, strict: bool, keep_bodies: bool
    ) -> bytes:
        """Begin a batch in Anthropic's form."""

    async def list_message_batches(
        self, key: Key, base_url: str, *, after: str | None, before: str | None, limit: int
    ) -> bytes:
        """A page of them."""

    async def show_message_batch(self, batch_id: str, key: Key, base_url: str) -> bytes:
        """One."""

    async def cancel_message_batch(self, batch_id: str, key: Key, base_url: str) -> bytes:
        """Begin no further request of it."""

    async def delete_message_batch(self, batch_id: str, key: Key) -> bytes:
        """Take it away."""

    async def read_results(self, batch_id: str, key: Key) -> Content:
        """Its results."""


class Asked(msgspec.Struct, frozen=True):
    """What is wanted of whom."""

    do: tuple[str, str]
    """Method, and what stands behind the name; `-` where there is no name."""
    name: str
    key: Key
    heading: Heading
    scope: Scope
    receive: Receive


class Filing:
    """Answers everything below `/v1/files`, `/v1/batches` and `/v1/messages/batches`."""

    def __init__(self, desk: Desk, gate: Gate, settings: ServerSettings) -> None:
        self._desk = desk
        self._gate = gate
        self._settings = settings
        self._held = 0
        """Bytes of request bodies."""
        self._uploads = Places(_MOST_UPLOADS)

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the path is one of these."""
        starts = (_FILES, _BATCHES, _MESSAGE_BATCHES)
        return path.startswith(starts) and any(path == one or path.startswith(one + "/") for one in starts)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises NotFound, MethodNotAllowed, BadRequest and whatever else a request may be refused for."""
        heading = Heading(scope["headers"])
        key = await self._gate.let_in(heading.token)
        path: str = scope["path"]
        base = next(one for one in (_MESSAGE_BATCHES, _BATCHES, _FILES) if path.startswith(one))
        name, _, what = path.removeprefix(base).strip("/").partition("/")
        asked = Asked((scope["method"], what if name else "-"), name, key, heading, scope, receive)
        if base == _FILES:
            body = await self._file(asked)
        elif base == _BATCHES:
            body = await self._batch(asked)
        else:
            body = await self._message_batch(asked)
        if isinstance(body, bytes):
            await send_whole(send, 200, [JSON], body)
        else:
            await _send_content(scope, send, body, _OCTETS if base == _FILES else _LINES)

    # Files

    async def _file(self, asked: Asked) -> bytes | Content:
        desk, do, name, key, scope = self._desk, asked.do, asked.name, asked.key, asked.scope
        if do == ("POST", "-"):
            return await self._upload(asked)
        if do == ("GET", "-"):
            query = _Query(scope)
            order = query.text("order") or "desc"
            if order not in ("asc", "desc"):
                raise BadRequest("`order` is neither `asc` nor `desc`.", param="order")
            return await desk.list_files(
                key,
                purpose=query.text("purpose"),
                after=query.text("after"),
                limit=query.number("limit", 10_000),
                ascending=order == "asc",
            )
        if do == ("GET", ""):
            return await desk.show_file(name, key)
        if do == ("DELETE", ""):
            return await desk.delete_file(name, key)
        if do == ("GET", "content"):
            return await desk.read_file(name, key)
        raise _nothing(scope, do)

    async def _upload(self, asked: Asked) -> bytes:
        if not self._uploads.take(asked.key.id):
            raise Overloaded("Too many files are being uploaded.", hint="Try again in a moment.")
        desk = self._desk
        try:
            draft = await desk.begin_upload()
            try:
                form = await read_form(
                    asked.heading.content_type,
                    asked.receive,
                    lambda data: desk.write(draft, data),
                    most=desk.max_file_bytes,
                    silence=self._settings.body_timeout,
                )
                return await desk.keep(
                    draft,
                    asked.key,
                    name=form.file_name or "",
                    purpose=form.fields.get("purpose", ""),
                    expires_after=_lifetime(form.fields),
                )
            finally:
                await desk.discard(draft)
        finally:
            self._uploads.give_back(asked.key.id)

    # Batches

    async def _batch(self, asked: Asked) -> bytes:
        desk, do, name, key, scope = self._desk, asked.do, asked.name, asked.key, asked.scope
        if do == ("POST", "-"):
            async with self._body(asked) as body:
                return await desk.create_batch(
                    body, key, strict=asked.heading.strict, keep_bodies=asked.heading.keep_body
                )
        if do == ("GET", "-"):
            query = _Query(scope)
            return await desk.list_batches(key, after=query.text("after"), limit=query.number("limit", 20))
        if do == ("GET", ""):
            return await desk.show_batch(name, key)
        if do == ("POST", "cancel"):
            return await desk.cancel_batch(name, key)
        raise _nothing(scope, do)

    async def _message_batch(self, asked: Asked) -> bytes | Content:
        desk, do, name, key, scope = self._desk, asked.do, asked.name, asked.key, asked.scope
        base_url = _base_url(scope)
        if do == ("POST", "-"):
            async with self._body(asked) as body:
                return await desk.create_message_batch(
                    body, key, base_url, strict=asked.heading.strict, keep_bodies=asked.heading.keep_body
                )
        if do == ("GET", "-"):
            query = _Query(scope)
            return await desk.list_message_batches(
                key,
                base_url,
                after=query.text("after_id"),
                before=query.text("before_id"),
                limit=query.number("limit", 20),
            )
        if do == ("GET", ""):
            return await desk.show_message_batch(name, key, base_url)
        if do == ("GET", "results"):
            return await desk.read_results(name, key)
        if do == ("POST", "cancel"):
            return await desk.cancel_message_batch(name, key, base_url)
        if do == ("DELETE", ""):
            return await desk.delete_message_batch(name, key)
        raise _nothing(scope, do)

    @asynccontextmanager
    async def _body(self, asked: Asked) -> AsyncIterator[bytes]:
        room = self._settings.max_held_bytes - self._held
        body = await read_body(asked.heading, asked.scope, asked.receive, self._settings, room=room)
        self._held += len(body)
        try:
            yield body
        finally:
            self._held -= len(body)


class _Query:
    def __init__(self, scope: Scope) -> None:
        self._values = parse_qs(scope["query_string"].decode("latin-1"))

    def text(self, name: str) -> str | None:
        return self._values[name][0] if name in self._values else None

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise BadRequest(f"`{name}` is not a number.", param=name) from None


def _lifetime(fields: dict[str, str]) -> int | None:
    asked = {name for name in fields if name.startswith("expires_after")}
    if not asked:
        return None
    if odd := asked.difference(_LIFETIME):
        raise BadRequest(f"The field `{min(odd)[:100]}` is not known.", param="expires_after")
    given = fields.get("expires_after[seconds]", "")
    if fields.get("expires_after[anchor]") != "created_at":
        raise BadRequest("`expires_after[anchor]` has to be `created_at`.", param="expires_after")
    if not given.isdecimal() or not _SHORTEST_LIFE <= int(given) <= _LONGEST_LIFE:
        raise BadRequest(
            f"`expires_after[seconds]` is not between {_SHORTEST_LIFE} and {_LONGEST_LIFE}.",
            param="expires_after",
        )
    return int(given)


def _base_url(scope: Scope) -> str:
    """Where the client finds us, as it says itself; empty when it does not, which clients take for a relative path."""
    host, scheme = "", "http"
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1")
        elif name == b"x-forwarded-proto" and value == b"https":
            scheme = "https"
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else ""


def _nothing(scope: Scope, do: tuple[str, str]) -> NotFound | MethodNotAllowed:
    path = scope["path"][:200]
    if do[1] in ("-", "", "content", "results", "cancel"):
        return MethodNotAllowed(f"`{path}` does not take {do[0][:20]}.")
    return NotFound(f"There is nothing at `{path}`.")


async def _send_content(scope: Scope, send: Send, content: Content, kind: tuple[bytes, bytes]) -> None:
    """Sends a file until its end, or until the client hangs up."""
    connection: ClientConnection = scope[CONNECTION]
    headers: Headers = [kind, (b"content-length", b"%d" % content.size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with aclosing(content.pieces) as pieces:
        async for piece in pieces:
            if connection.gone:
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
