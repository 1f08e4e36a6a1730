"""Access tokens for Vertex AI from a Google service account: a signed wish is exchanged for a token that expires.

Source: RFC 7523 (JWT bearer grant), RFC 7515 (RS256). The signature comes from the extra `google`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import ProviderBroken, SettingsError
from freehold.core.extras import how_to_install
from freehold.core.secret import Secret

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_ADDRESS = "https://oauth2.googleapis.com/token"  # noqa: S105
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3600
"""Seconds that a token is asked for; Google gives no more."""
EARLY = 60
"""Seconds before its end at which a token is not used any more: a request takes time."""

Post = Callable[[str, bytes], Awaitable[bytes]]
"""Posts a form (its body, urlencoded) to an address and gives back the JSON of the answer, whatever its status."""


class _Account(msgspec.Struct):
    client_email: str
    private_key: str
    private_key_id: str | None = None
    token_uri: str = TOKEN_ADDRESS


class _Granted(msgspec.Struct):
    access_token: str | None = None
    expires_in: float = LIFETIME
    error: str | None = None
    error_description: str | None = None


class GoogleTokens:
    """The token of one service account, fetched when it is wanted and kept until shortly before it expires."""

    def __init__(
        self, account: Secret, *, provider: str, post: Post, scope: str = SCOPE, clock: Clock | None = None
    ) -> None:
        """`account` is the service account's key file, JSON; `provider` is named in errors. Raises SettingsError."""
        self._account = _read_account(account)
        self._key = _read_key(self._account.private_key, account.source)
        self._provider = provider
        self._post = post
        self._scope = scope
        self._clock = clock or SystemClock()
        self._token = ""
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for a minute at least. Whoever asks while it is fetched waits for the same one.

        Raises ProviderBroken when Google gives none, and what the post raises.
        """
        if self._clock.now() < self._good_until:
            return self._token
        async with self._lock:
            if self._clock.now() >= self._good_until:
                await self._fetch()
            return self._token

    async def _fetch(self) -> None:
        asked = self._clock.now()
        form = urlencode({"grant_type": GRANT, "assertion": self._assertion(int(asked))}).encode()
        answer = await self._post(self._account.token_uri, form)
        try:
            granted = msgspec.json.decode(answer, type=_Granted)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._refused("its answer is not what RFC 6749 says") from None
        if not granted.access_token:
            raise self._refused(granted.error_description or granted.error or "it gave no reason")
        self._token = granted.access_token
        self._good_until = asked + granted.expires_in - EARLY

    def _refused(self, reason: str) -> ProviderBroken:
        return ProviderBroken(
            f"Google gave no access token for `{self._account.client_email}`: {reason}.",
            provider=self._provider,
            hint="Is the service account's key still valid, and this machine's clock right?",
        )

    def _assertion(self, now: int) -> str:
        """What we ask for, signed: a JWT."""
        header = {"alg": "RS256", "typ": "JWT"}
        if self._account.private_key_id:
            header["kid"] = self._account.private_key_id
        claims = {
            "iss": self._account.client_email,
            "scope": self._scope,
            "aud": self._account.token_uri,
            "iat": now,
            "exp": now + LIFETIME,
        }
        signed = ".".join(_base64(msgspec.json.encode(part)) for part in (header, claims))
        return f"{signed}.{_base64(self._key(signed.encode()))}"


def _base64(data: bytes) -> str:
    """For URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_account(account: Secret) -> _Account:
    try:
        return msgspec.json.decode(account.reveal(), type=_Account)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # What is wrong with it is not told: it may quote the key.
        raise SettingsError(
            f"`{account.source}` does not hold the key of a Google service account.",
            hint="It is a JSON file with `client_email` and `private_key`, made in Google Cloud's console.",
            where=account.source,
        ) from None


def _read_key(pem: str, source: str) -> Callable[[bytes], bytes]:
    """What signs with the private key. Imported only here: few need it, and it is large."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "Tokens for Vertex AI are signed with `cryptography`, which is not installed.",
            hint=how_to_install("google"),
        ) from None
    try:
        key: Any = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(
            f"The `private_key` in `{source}` is not an RSA key in PEM.",
            hint="Make a new key for the service account in Google Cloud's console.",
            where=source,
        )
    return lambda data: key.sign(data, PKCS1v15(), SHA256())
