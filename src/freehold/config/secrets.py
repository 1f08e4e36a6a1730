"""Secrets by reference: `env:NAME` and `file:PATH`. A secret written into the file itself is refused."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from freehold.core.secret import Secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST_FILE = 16 * 1024
_HOW = 'Refer to it: `"env:NAME"` reads a variable, `"file:PATH"` the whole content of a file.'


class NoSecretError(Exception):
    """A reference does not lead to a secret. What it says never quotes what may be one."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnsetVariableError(NoSecretError):
    """The reference is good, but the variable is not set."""


def place_of(reference: str, folder: Path) -> Path:
    """The file that `file:PATH` names; where nobody is called as it says, the path as it is written."""
    path = Path(reference.removeprefix("file:"))
    with suppress(RuntimeError):  # `~nobody/…`
        path = path.expanduser()
    return folder / path


class Found(msgspec.Struct, frozen=True):
    """A secret, and what its owner should know about where it lies."""

    secret: Secret
    file: Path | None = None
    """The file it was read from."""
    readable_by_all: bool = False
    """Whether every user of this machine can read that file."""


def find_secret(reference: str, *, folder: Path, environ: Mapping[str, str], document: bool = False) -> Found:
    """The secret that `reference` leads to; a path is relative to `folder`. Raises NoSecretError.

    `document`: it is no single word that is sent in a header, but a text such as a service account's key file.
    """
    kind, colon, name = reference.partition(":")
    if colon and kind == "env":
        return _from_variable(name, environ, document=document)
    if colon and kind == "file":
        return _from_file(name, folder, document=document)
    raise NoSecretError("holds something that is not a reference; keys are not written into this file", _HOW)


def _from_variable(name: str, environ: Mapping[str, str], *, document: bool) -> Found:
    if not _VARIABLE.fullmatch(name):
        raise NoSecretError("names no variable behind `env:`", _HOW)
    value = environ.get(name, "").strip()
    if not value:
        raise UnsetVariableError(
            f"needs the variable `{name}`, which is not set",
            f"Set it where Freehold is started: `export {name}=…`.",
        )
    if not document:
        _must_fit_a_header(value, f"the variable `{name}`")
    return Found(Secret(value, f"env:{name}"))


def _from_file(name: str, folder: Path, *, document: bool) -> Found:
    if not name:
        raise NoSecretError("names no file behind `file:`", _HOW)
    path = place_of(name, folder)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise NoSecretError(f"refers to `{path}`, which is not a file")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise NoSecretError(
            f"refers to `{path}`, which cannot be read: {error.strerror}",
            "A relative path starts at the folder of the configuration file.",
        ) from None
    if len(content) > _LARGEST_FILE:
        raise NoSecretError(f"refers to `{path}`, which is too large to be a key")
    value = content.decode("latin-1").strip()
    if not value:
        raise NoSecretError(f"refers to `{path}`, which is empty")
    if not document:
        _must_fit_a_header(value, f"`{path}`")
    return Found(Secret(value, f"file:{name}"), path, bool(mode & stat.S_IROTH))


def _must_fit_a_header(value: str, where: str) -> None:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise NoSecretError(f"refers to {where}, which holds more than one word of plain text")
