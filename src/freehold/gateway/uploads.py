"""Forms with a file in them (`multipart/form-data`): taken in piece by piece, the file to wherever it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from freehold.core.errors import BadRequest, BodyTooLarge, ClientGone, RequestTimeout, UnsupportedMediaType
from freehold.gateway.replies import Receive

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MOST_FIELDS = 20
_MOST_FIELD_BYTES = 4096
_MOST_AROUND = 64 * 1024
"""Bytes of a form beside those of its file."""
_GATHERED = 256 * 1024
"""Bytes of the file that are written at once."""


class Form:
    """What a form says; its file goes elsewhere."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        """None: there was no file."""
        self.gathered: list[bytes] = []
        """Of the file, not written yet."""
        self.complete = False
        self._header = [b"", b""]
        self._disposition = b""
        self._name = ""
        self._value = b""
        self._in_file = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._extend(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._extend(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": lambda data, start, end: self._take(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._finish,
        }
        self._parser = MultipartParser(boundary, callbacks, max_header_size=_MOST_FIELD_BYTES)

    def feed(self, data: bytes) -> None:
        """The next bytes of the body. Raises BadRequest."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise BadRequest(f"The form is not understood: {error}.") from None

    def _begin(self) -> None:
        self._disposition, self._value = b"", b""

    def _extend(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _end_header(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        self._header = [b"", b""]

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        self._in_file = b"filename" in options
        if self._in_file:
            if self.file_name is not None or self._name != "file":
                raise BadRequest("The form has to hold one file, called `file`.", param="file")
            name = options[b"filename"].decode(errors="replace").replace("\\", "/").rpartition("/")[2]
            self.file_name = "".join(letter for letter in name if letter.isprintable())
        elif len(self.fields) >= _MOST_FIELDS:
            raise BadRequest(f"The form has more than {_MOST_FIELDS} fields.")

    def _take(self, data: bytes) -> None:
        if self._in_file:
            self.gathered.append(data)
            return
        self._value += data
        if len(self._value) > _MOST_FIELD_BYTES:
            raise BadRequest(
                f"A field of the form is over {_MOST_FIELD_BYTES} bytes.", param=self._name[:100]
            )

    def _end(self) -> None:
        if not self._in_file:
            self.fields[self._name] = self._value.decode(errors="replace")

    def _finish(self) -> None:
        self.complete = True


async def read_form(
    content_type: bytes | None,
    receive: Receive,
    write: Callable[[bytes], Awaitable[None]],
    *,
    most: int,
    silence: float,
) -> Form:
    """The form; its file is handed to `write` in pieces. `most`: bytes of the file. `silence`: seconds between pieces.

    Raises UnsupportedMediaType, BadRequest, BodyTooLarge, RequestTimeout, ClientGone, and what `write` raises.
    """
    kind, options = parse_options_header((content_type or b"").decode("latin-1"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UnsupportedMediaType(
            "A file is uploaded as a form.", hint="Send `content-type: multipart/form-data`."
        )
    try:
        form = Form(options[b"boundary"])
    except FormParserError as error:
        raise BadRequest(f"The form is not understood: {error}.") from None
    size = waiting = 0
    more = True
    while more:
        try:
            async with asyncio.timeout(silence):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout(f"Nothing of the file arrived within {silence:g} s.") from None
        if message["type"] != "http.request":
            raise ClientGone("The client hung up.")
        more = message["more_body"]
        data: bytes = message["body"]
        size += len(data)
        if size > most + _MOST_AROUND:
            raise BodyTooLarge(f"The file is over {most} bytes.", param="file")
        form.feed(data)
        waiting += len(data)
        if form.gathered and (waiting >= _GATHERED or not more):
            pieces, form.gathered, waiting = b"".join(form.gathered), [], 0
            await write(pieces)
    if not form.complete:
        raise BadRequest("The form has no end.")
    if form.file_name is None:
        raise BadRequest("The form holds no file called `file`.", param="file")
    return form
