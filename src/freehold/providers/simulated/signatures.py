"""Signatures for AWS, version 4, as Amazon checks them. Made from its description alone, not from what signs."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from freehold.providers.simulated.observation import ReceivedRequest

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d{8})/([a-z0-9-]+)/(\w+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
_MINUTES = 15 * 60


def is_signed(request: ReceivedRequest) -> bool:
    """Whether it comes with a signature, good or not."""
    return (request.header("authorization") or "").startswith("AWS4-HMAC-SHA256")


def problem_of(request: ReceivedRequest, secret: str, now: float) -> str | None:
    """What is wrong with the signature of a request for Bedrock; None when it is good. `now` is seconds since 1970."""
    found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
    moment = request.header("x-amz-date") or ""
    if found is None or not re.fullmatch(r"\d{8}T\d{6}Z", moment):
        return "The authorization header is not one of AWS4-HMAC-SHA256."
    day, region, service, names, signature = found.groups()
    if service != "bedrock" or not moment.startswith(day):
        return "Credential should be scoped to a valid region, to service 'bedrock' and to the day of the request."
    if abs(datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() - now) > _MINUTES:
        return "Signature expired."
    signed = names.split(";")
    if "host" not in signed or "x-amz-date" not in signed:
        return "'host' and 'x-amz-date' must be signed headers."
    said = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            moment,
            f"{day}/{region}/{service}/aws4_request",
            sha256(_canonical(request, signed).encode()).hexdigest(),
        )
    )
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), sha256)
    if hmac.compare_digest(hmac.digest(key, said.encode(), sha256).hex(), signature):
        return None
    return "The request signature we calculated does not match the signature you provided."


def _canonical(request: ReceivedRequest, signed: list[str]) -> str:
    path, _, query = request.target.partition("?")
    headers = {name: " ".join((request.header(name) or "").split()) for name in signed}
    return "\n".join(
        (
            request.method,
            quote(path, safe="/~"),  # of what is escaped already: every service but S3 does it twice
            "&".join(sorted(one if "=" in one else f"{one}=" for one in query.split("&") if one)),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            ";".join(signed),
            sha256(request.body).hexdigest(),
        )
    )
