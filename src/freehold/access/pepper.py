"""The pepper: 32 random bytes, kept apart from the database, without which the hashes of keys say nothing.

They are in a file of their own, or configured: several machines that share their keys need the same.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from freehold.core.errors import StoreError
from freehold.store.places import Place

LENGTH = 32


class Pepper:
    """Turns keys into the digests that are kept of them: keyed BLAKE2b (RFC 7693), 32 bytes."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def digest(self, token: bytes) -> bytes:
        """The 32 bytes that stand for `token`. About 1 us, a third of what OpenSSL's HMAC takes."""
        return hashlib.blake2b(token, key=self._secret, digest_size=32).digest()

    @property
    def check(self) -> bytes:
        """Kept beside the digests, to notice when they were made with another pepper."""
        return self.digest(b"this pepper made the digests beside me")


def pepper_of(digits: str) -> Pepper:
    """The pepper that 64 hexadecimal digits say. Raises ValueError."""
    secret = bytes.fromhex(digits)
    if len(secret) != LENGTH or len(digits) != 2 * LENGTH:
        raise ValueError("a pepper has 64 hexadecimal digits")
    return Pepper(secret)


def read_pepper(source: Path | Pepper) -> Pepper | None:
    """The pepper kept in the file `source`, or given; None when there is no such file.

    Raises StoreError when the file cannot be read or does not hold a pepper.
    """
    if isinstance(source, Pepper):
        return source
    path = source
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"The file `{path}`, which keys are recognised by, cannot be read: {error.strerror}.",
            hint="Let the user that runs Freehold own it, with mode 0600.",
        ) from error
    if len(secret) != LENGTH:
        raise StoreError(
            f"The file `{path}`, which keys are recognised by, holds {len(secret)} bytes, not {LENGTH}.",
            hint="Put it back from a backup.",
        )
    return Pepper(secret)


def wrong_pepper(source: Path | Pepper, place: Place, count: int, *, is_lost: bool) -> StoreError:
    """What to say when the keys in the database were hashed with another pepper than the one that is here."""
    others = "" if isinstance(place, Path) else " Every machine that shares these keys needs the same one."
    if isinstance(source, Pepper):
        return StoreError(
            f"The configured pepper is not the one that the {count} keys in `{place}` were hashed with.{others}",
            hint="Set `access.pepper` to what it was.",
        )
    what = "is gone" if is_lost else "was replaced"
    shared = (
        ""
        if isinstance(place, Path)
        else " Or copy it from the machine where the keys were made, or set `access.pepper`."
    )
    return StoreError(
        f"The file `{source}` {what}, so none of the {count} keys in `{place}` can be recognised.{others}",
        hint=f"Put it back from a backup.{shared} If it is lost for good, move the database away and make new keys.",
    )


def make_pepper(source: Path | Pepper) -> Pepper:
    """A fresh pepper, kept in the file `source` with mode 0600; or the one that is there, when somebody was faster.

    The file appears whole or not at all, and is never overwritten. Raises StoreError.
    """
    if isinstance(source, Pepper):
        return source
    path = source
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(LENGTH))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"The file `{path}`, which keys are recognised by, cannot be made: {error.strerror}.",
            hint=f"Let the user that runs Freehold write to `{path.parent}`.",
        ) from error
    made = read_pepper(path)
    assert made is not None
    return made


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
