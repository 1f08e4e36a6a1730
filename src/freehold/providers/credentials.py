"""What lets a request in where a key alone does not: signatures for AWS, tokens for Google."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from freehold.core.errors import SettingsError
from freehold.providers.client import ProviderClient, Sign
from freehold.providers.google_tokens import GoogleTokens
from freehold.providers.settings import ProviderSettings
from freehold.providers.signing import AwsCredentials, AwsSigner

_CREDENTIALS = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})


def sign_for(settings: ProviderSettings, tls: ssl.SSLContext | None) -> Sign | None:
    """How requests for this provider are signed; None where its key is simply sent. Raises SettingsError."""
    if settings.auth == "aws":
        return _aws(settings)
    if settings.auth == "google":
        return _google(settings, tls)
    return None


def _aws(settings: ProviderSettings) -> Sign:
    if settings.api_key is None or settings.access_key_id is None or settings.region is None:
        raise SettingsError(
            f"`{settings.name}` signs for AWS and needs `api_key`, `access_key_id` and `region`.",
            hint='`api_key` is the secret access key, by reference: `api_key = "env:AWS_SECRET_ACCESS_KEY"`.',
        )
    credentials = AwsCredentials(
        access_key_id=settings.access_key_id,
        secret_access_key=settings.api_key,
        session_token=settings.session_token,
    )
    signer = AwsSigner(credentials, region=settings.region)

    async def sign(url: str, body: bytes) -> dict[str, str]:
        host = urlsplit(url).netloc
        signed = signer.sign("POST", url, {"host": host, "content-type": "application/json"}, body)
        return {name: value for name, value in signed.items() if name.lower() in _CREDENTIALS}

    return sign


def _google(settings: ProviderSettings, tls: ssl.SSLContext | None) -> Sign:
    if settings.api_key is None:
        raise SettingsError(
            f"`{settings.name}` needs a service account's key file.",
            hint='Say where it is: `api_key = "file:service-account.json"`.',
        )

    async def post(address: str, form: bytes) -> bytes:
        parts = urlsplit(address)
        asked = ProviderClient(
            ProviderSettings(
                settings.name,
                base_url=f"{parts.scheme}://{parts.netloc}",
                headers={"content-type": "application/x-www-form-urlencoded"},
                chat_path=parts.path,
                timeouts=settings.timeouts,
            ),
            tls=tls,
        )
        try:
            response = await asked.send("chat", "", form)
            try:
                return await response.read()
            finally:
                response.close()
        finally:
            asked.close()

    tokens = GoogleTokens(settings.api_key, provider=settings.name, post=post)

    async def sign(_url: str, _body: bytes) -> dict[str, str]:
        return {"authorization": f"Bearer {await tokens.token()}"}

    return sign
