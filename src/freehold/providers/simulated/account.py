"""Opaque reasoning state: made for one account of one simulated provider, and worth nothing elsewhere."""

from __future__ import annotations

import base64
import binascii
import hmac
import zlib
from hashlib import sha256
from typing import Any

_MOST_MARKS = 10_000
_MAC = 24


class Account:
    """Whoever presents one key, in one dialect, to one script: only they get their state read again."""

    def __init__(
        self, seed: int, key: str, dialect: str, marks: dict[str, Any], *, strict_turns: bool = True
    ) -> None:
        """`marks` is what the provider remembers of its answers, of all accounts together."""
        self._secret = f"{seed}\x1f{dialect}\x1f{key}".encode()
        self._marks = marks
        self.strict_turns = strict_turns
        """As in the script."""

    def sign(self, content: str) -> str:
        """A signature of `content`."""
        return base64.b64encode(self._mac("signature", content.encode())).decode()

    def signed(self, signature: object, content: str) -> bool:
        """Whether `signature` was made for just this content."""
        return isinstance(signature, str) and _bytes(signature) == self._mac("signature", content.encode())

    def wrap(self, content: str) -> str:
        """`content` in a form that only this account's provider opens."""
        packed = zlib.compress(content.encode())
        return base64.b64encode(self._mac("wrapped", packed) + packed).decode()

    def opens(self, wrapped: object) -> bool:
        """Whether `wrapped` was made here and is unchanged."""
        data = _bytes(wrapped) if isinstance(wrapped, str) else b""
        return len(data) > _MAC and data[:_MAC] == self._mac("wrapped", data[_MAC:])

    def remember(self, mark: str, value: object = True) -> None:
        """Keeps that `mark` was part of an answer, with what belongs to it; the oldest make room."""
        self._marks[self._mark(mark)] = value
        if len(self._marks) > _MOST_MARKS:
            del self._marks[next(iter(self._marks))]

    def recall(self, mark: str) -> Any:
        """What belongs to `mark`; None when it was not part of an answer."""
        return self._marks.get(self._mark(mark)) if self._marks else None

    def _mark(self, mark: str) -> str:
        return self.sign(f"mark:{mark}")

    def _mac(self, kind: str, content: bytes) -> bytes:
        return hmac.digest(self._secret, kind.encode() + b"\x1f" + content, sha256)[:_MAC]


def _bytes(text: str) -> bytes:
    """Base64 in either alphabet, padded or not."""
    try:
        return base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        )
    except (ValueError, binascii.Error):
        return b""
