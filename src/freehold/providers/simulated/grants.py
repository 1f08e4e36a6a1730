"""Google's exchange of a service account's signed wish for an access token (RFC 7523)."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs

import msgspec

from freehold.providers.simulated.reply import Reply, whole

PATH = "/token"
_JSON = "application/json"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_MOST_SECONDS = 3600


class _Claims(msgspec.Struct):
    iss: str
    scope: str
    aud: str
    iat: int
    exp: int


def grant(form: bytes, *, address: str, public_key: str, token: str, now: float) -> Reply:
    """The token, or why there is none. `address` is where the wish must say it goes; `public_key` is PEM."""
    try:
        fields = parse_qs(form.decode("ascii"), strict_parsing=True)
        (kind,), (assertion,) = fields["grant_type"], fields["assertion"]
        signed, _, signature = assertion.rpartition(".")
        claims = msgspec.json.decode(_decoded(signed.partition(".")[2]), type=_Claims)
        good = kind == _GRANT and _verified(signed.encode(), _decoded(signature), public_key)
    except (ValueError, KeyError) as error:
        return _refused(f"Malformed request: {type(error).__name__}.")
    if not good:
        return _refused("Invalid JWT Signature.")
    if claims.aud != address or claims.scope != _SCOPE:
        return _refused("Invalid JWT: audience or scope.")
    if not claims.iat - 60 <= now < claims.exp <= claims.iat + _MOST_SECONDS:
        return _refused("Invalid JWT: Token must be a short-lived token.")
    return whole(
        200,
        _JSON,
        msgspec.json.encode({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}),
    )


def _refused(why: str) -> Reply:
    return whole(400, _JSON, msgspec.json.encode({"error": "invalid_grant", "error_description": why}))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verified(data: bytes, signature: bytes, public_key: str) -> bool:
    """Imported only here: few scripts need it, and it is large."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    key = load_pem_public_key(public_key.encode())
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(signature, data, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
