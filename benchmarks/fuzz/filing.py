"""Batches and the files that they are made of: uploads, lines, requests for batches."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from freehold.batches import anthropic_form, openai_form
from freehold.batches.asking import FACES, Told
from freehold.batches.lines import problems_in, read_lines
from freehold.core.errors import BadRequest, FreeholdError
from freehold.gateway.uploads import Form
from freehold.wire.errors import encode_error_in

from .damage import Frames
from .framing import pieces_of
from .judging import need_json
from .target import Target, Wrong
from .vectors import seeds_of

_ENDPOINT = "/v1/chat/completions"
_ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
_LINES = [
    json.dumps({"custom_id": f"a{at}", "method": "POST", "url": _ENDPOINT, "body": _ASK}).encode() + b"\n"
    for at in range(4)
]
_WANTED: list[Any] = [
    {"input_file_id": "file-1", "endpoint": _ENDPOINT, "completion_window": "24h", "metadata": {"a": "b"}},
    {
        "input_file_id": "f",
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
        "output_expires_after": {"anchor": "created_at", "seconds": 7200},
    },
]
_MESSAGES: list[Any] = [
    {"requests": [{"custom_id": f"a{at}", "params": {"max_tokens": 1, **_ASK}} for at in range(3)]},
]
_BOUNDARY = b"XyZ"
_PARTS = [
    b'--XyZ\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
    b'--XyZ\r\nContent-Disposition: form-data; name="expires_after[seconds]"\r\n\r\n3600\r\n',
    b'--XyZ\r\nContent-Disposition: form-data; name="file"; filename="a b.jsonl"\r\n'
    b"Content-Type: application/jsonl\r\n\r\n" + b"".join(_LINES) + b"\r\n",
    b"--XyZ--\r\n",
]


def targets_in(_folder: Path) -> list[Target]:
    """Of both forms."""
    return [
        Target("batch lines", [_LINES, _LINES[:1]], _read_file),
        Target("batch wanted", seeds_of(_WANTED), _read_wanted),
        Target("message batch", seeds_of(_MESSAGES), _read_message_batch),
        Target("form upload", [_PARTS], _read_form),
    ]


def _read_file(frames: Frames) -> None:
    with TemporaryDirectory(prefix="freehold-fuzz-") as room:
        path = Path(room) / "input.jsonl"
        path.write_bytes(b"".join(frames))
        _work_off(path)


def _work_off(path: Path) -> None:
    count, problems = problems_in(path, _ENDPOINT, longest=200_000)
    for problem in problems:
        need_json(json.dumps([problem.code, problem.message, problem.param]).encode(), "a problem")
        problem.message.encode()
    if problems:
        raise BadRequest("as it should be")
    lines = list(read_lines(path))
    if len(lines) != count:
        raise Wrong("another number of lines when they are read again")
    for line in lines:
        body = bytes(line.body)
        try:
            FACES[_ENDPOINT].read(body).decoded()
        except BadRequest as error:
            _tell(line.custom_id, Told(400, encode_error_in("openai-chat", error)))
        else:
            _tell(line.custom_id, Told(200, b'{"a":\r\n1}', losses=("x",)))


def _tell(name: str, told: Told) -> None:
    for form in (openai_form, anthropic_form):
        for written in (form.result_line(name, told), form.unasked_line(name, expired=True)):
            need_json(written, "a result")
            if b"\n" in written or b"\r" in written or json.loads(written)["custom_id"] != name:
                raise Wrong("a result is no line of its request")


def _read_wanted(frames: Frames) -> None:
    wanted = openai_form.read_batch_request(b"".join(frames))
    for text in (wanted.input_file_id, wanted.endpoint, wanted.metadata or ""):
        text.encode()


def _read_message_batch(frames: Frames) -> None:
    names = set()
    for line in anthropic_form.read_batch_request(b"".join(frames)):
        need_json(line, "a line")
        told = json.loads(line)
        if b"\n" in line or told["custom_id"] in names:
            raise Wrong("a line is none, or there twice")
        names.add(told["custom_id"])
        try:
            FACES[anthropic_form.ENDPOINT].read(json.dumps(told["body"]).encode()).decoded()
        except BadRequest as error:
            told_error: FreeholdError = error
            anthropic_form.result_line("a", Told(400, encode_error_in("anthropic-messages", told_error)))


def _read_form(frames: Frames) -> None:
    expected, found = _form([b"".join(frames)]), _form(pieces_of(frames))
    if isinstance(expected, BadRequest) or isinstance(found, BadRequest):
        if type(expected) is not type(found):
            raise Wrong("a form depends on where it is cut")
        raise expected if isinstance(expected, BadRequest) else AssertionError
    if expected != found:
        raise Wrong("a form depends on where it is cut")


def _form(pieces: list[bytes]) -> tuple[Any, ...] | BadRequest:
    form = Form(_BOUNDARY)
    try:
        for piece in pieces:
            form.feed(piece)
    except BadRequest as error:
        return error
    if not form.complete:
        return BadRequest("The form has no end.")
    return form.fields, form.file_name, b"".join(form.gathered)
