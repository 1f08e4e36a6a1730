"""Signatures that AWS wants on every request (version 4), made by botocore, which comes with the extra `aws`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec

from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import SettingsError
from freehold.core.extras import how_to_install
from freehold.core.secret import Secret


class AwsCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs. Given explicitly: neither the environment nor files of AWS's own are looked at."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
    """Of credentials that expire."""


class AwsSigner:
    """Signs requests for one service in one region."""

    def __init__(
        self,
        credentials: AwsCredentials,
        *,
        region: str,
        service: str = "bedrock",
        clock: Clock | None = None,
    ) -> None:
        """Raises SettingsError when botocore is not installed."""
        self._clock = clock or SystemClock()
        self._token = credentials.session_token
        self._auth, self._request = _botocore(credentials, region, service)

    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers to send: those that are given and those that AWS wants beside them.

        The request must go out as it is given here, to the letter: the address with its escapes, every header, and
        the body. `Host` is that of the address.
        """
        request = self._request(
            method=method, url=url, headers={**_without(headers, "authorization", "x-amz-date")}, data=body
        )
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        if self._token is not None:
            request.headers["X-Amz-Security-Token"] = self._token.reveal()
        auth = self._auth
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        signed = auth.signed_headers(auth.headers_to_sign(request))
        sent = dict(request.headers.items())
        sent["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={signed}, Signature={signature}"
        )
        return sent


def _without(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def _botocore(credentials: AwsCredentials, region: str, service: str) -> tuple[Any, Any]:
    """AWS's own signer, and what makes a request for it. Imported only here: few need it, and it is large."""
    try:
        from botocore.auth import SigV4Auth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "Requests to AWS are signed with `botocore`, which is not installed.",
            hint=how_to_install("aws"),
        ) from None
    known = SimpleNamespace(
        access_key=credentials.access_key_id,
        secret_key=credentials.secret_access_key.reveal(),
        token=None,  # set by us, beside the other headers
    )
    return SigV4Auth(known, service, region), AWSRequest
